import { UsageError, VigiaError } from '@vigia/base';
import { SOUND_CODECS, SOUND_RATE, type SoundCodec } from './sound.ts';

/** Codecs that viewers may get, by libav's names, with their names in SDP (RFC 6184, RFC 7798) and for people. */
const CODECS = { h264: { sdp: 'H264', name: 'H.264' }, hevc: { sdp: 'H265', name: 'H.265' } } as const;
/** See {@link CODECS}. */
export type LiveCodec = keyof typeof CODECS;

/** Whether a codec of a camera, by libav's name, can be sent to viewers at all. */
export function isLiveCodec(codec: string): codec is LiveCodec {
  return Object.hasOwn(CODECS, codec);
}

/** What is needed of a browser's offer (SDP, RFC 8866; offers of WebRTC: RFC 8829). */
export interface Offer {
  /** The whole of it, for the library: the viewer begins DTLS. */
  readonly sdp: string;
  /** Of its video section. */
  readonly mid: string;
  readonly codec: LiveCodec;
  /** A format of that codec. Of H.264 one that takes pictures in pieces (RFC 6184, `packetization-mode=1`). */
  readonly payloadType: number;
  /** Its parameters, as offered; empty: none. */
  readonly parameters: string;
  /** Id of the header extension that says how long pictures may wait to be shown; undefined: not offered. */
  readonly playoutDelayId: number | undefined;
  /** Undefined: the viewer does not take the sound of the stream, or there is none. */
  readonly sound: OfferedSound | undefined;
}

/** A section of sound that is to be received, and its format. */
export interface OfferedSound {
  readonly mid: string;
  readonly codec: SoundCodec;
  readonly payloadType: number;
}

/** Lines of an offer, and characters of one. */
const LINES = 2_000;
const LINE_LENGTH = 1_024;
const PLAYOUT_DELAY = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';

/**
 * Reads an offer, which is a stranger's text: native code reads it afterwards.
 *
 * @param codec Of the stream.
 * @param profile Of H.264, as `profile-level-id` begins with it: `64`. A format of this profile is preferred.
 * @param sound Of the stream; undefined: none that can be sent.
 * @throws UsageError for text that is no offer of video; VigiaError `codec` for one without the codec.
 */
export function readOffer(sdp: string, codec: LiveCodec, profile: string | undefined, sound?: SoundCodec): Offer {
  const lines = sdp.split(/\r?\n/);
  if (lines.length > LINES) throw new UsageError(`offer: at most ${LINES} lines are allowed`);
  for (const [i, line] of lines.entries())
    if (line.length > LINE_LENGTH || !/^(?:[a-z]=[\x20-\x7E]*)?$/.test(line))
      throw new UsageError(`offer: line ${i + 1} is no line of SDP`);
  if (lines[0] !== 'v=0') throw new UsageError('offer: SDP begins with "v=0"');
  for (const name of ['ice-ufrag', 'ice-pwd', 'fingerprint'])
    if (!lines.some((line) => line.startsWith(`a=${name}:`)))
      throw new UsageError(`offer: a=${name} is missing; this is no offer of WebRTC`);
  const sections = sectionsOf(lines);
  const video = sections.find(([line]) => line?.startsWith('m=video '));
  if (!video) throw new UsageError('offer: it has no video (m=video)');
  const mid = midOf(video);
  if (mid === undefined) throw new UsageError('offer: its video has no a=mid');
  if (!isReceived(video)) throw new UsageError('offer: its video is to be received (a=recvonly)');
  const formats = formatsOf(video, codec);
  const best = formats.find(({ parameters }) => parameters.includes(`profile-level-id=${profile}`)) ?? formats[0];
  if (!best) throw new VigiaError('codec', `this camera sends ${CODECS[codec].name}, which the offer does not have`);
  const extension = new RegExp(`^a=extmap:(\\d{1,2})(?:/\\w+)? ${PLAYOUT_DELAY.replaceAll('.', '\\.')}$`);
  const playoutDelayId = valueOf(video, extension);
  return {
    sdp: `${lines.flatMap(forLibrary).join('\r\n')}\r\n`,
    mid,
    codec,
    ...best,
    playoutDelayId: playoutDelayId === undefined ? undefined : Number(playoutDelayId),
    sound: sound && soundIn(sections, sound, mid),
  };
}

/**
 * The viewer begins DTLS: it has the answer, and with it our certificate, by then. Ours could begin before the answer has
 * arrived, and some viewers end such a connection.
 */
function forLibrary(line: string): string[] {
  return line === '' ? [] : [line === 'a=setup:actpass' ? 'a=setup:active' : line];
}

/** A line of `application/trickle-ice-sdpfrag` (RFC 8840). */
const CANDIDATE = /^a=(candidate:[\x20-\x7E]{1,500})$/;
const CANDIDATES = 64;

/** The candidates in a part of SDP. @throws UsageError */
export function readCandidates(fragment: string): string[] {
  const candidates = fragment.split(/\r?\n/).flatMap((line) => CANDIDATE.exec(line)?.[1] ?? []);
  if (candidates.length > CANDIDATES) throw new UsageError(`candidates: at most ${CANDIDATES} are allowed`);
  return candidates;
}

/**
 * The answer of the library as it is to be sent: no section but these sends anything. The library announces sound wherever it
 * is offered. It also asks for lip synchronisation (`LS`, RFC 5888), for which a player holds pictures back.
 */
export function trueAnswer(sdp: string, { mid, sound }: Pick<Offer, 'mid' | 'sound'>): string {
  const lines = sdp.split('\r\n').filter((line) => !line.startsWith('a=group:LS'));
  const session = lines.findIndex((line) => line.startsWith('m='));
  const answered = sectionsOf(lines).flatMap((section) => {
    const [line] = section;
    const sends = [mid, sound?.mid].includes(midOf(section)) || line?.startsWith('m=application ');
    return sends ? section : section.map((one) => (DIRECTION.test(one) ? 'a=inactive' : one));
  });
  return [...lines.slice(0, session < 0 ? undefined : session), ...answered].join('\r\n');
}

const DIRECTION = /^a=(?:sendrecv|sendonly|recvonly|inactive)$/;

/** The lines of each section of media, which begins with `m=`. */
function sectionsOf(lines: readonly string[]): string[][] {
  const sections: string[][] = [];
  for (const line of lines)
    if (line.startsWith('m=')) sections.push([line]);
    else sections.at(-1)?.push(line);
  return sections;
}

function midOf(section: readonly string[]): string | undefined {
  return valueOf(section, /^a=mid:([\w-]{1,32})$/);
}

/** Whether the viewer wants to receive this section. */
function isReceived(section: readonly string[]): boolean {
  return !section.some((line) => line === 'a=sendonly' || line === 'a=inactive');
}

/** The first section that takes this sound. One that cannot be used is no error: the viewer sees pictures without sound. */
function soundIn(sections: readonly string[][], codec: SoundCodec, videoMid: string): OfferedSound | undefined {
  for (const section of sections) {
    const [, port, types = ''] = /^m=audio (\d+) \S+((?: \d+)+)$/.exec(section[0] ?? '') ?? [];
    const mid = midOf(section);
    const isRefused = port === undefined || (port === '0' && !section.includes('a=bundle-only'));
    if (isRefused || mid === undefined || mid === videoMid || !isReceived(section)) continue;
    const payloadType = soundTypeIn(section, types.trim().split(' '), codec);
    if (payloadType !== undefined) return { mid, codec, payloadType };
  }
  return undefined;
}

/** @param types Payload types of the section. A static one needs no `a=rtpmap` (RFC 3551). */
function soundTypeIn(section: readonly string[], types: readonly string[], codec: SoundCodec): number | undefined {
  const { sdp, payloadType } = SOUND_CODECS[codec];
  const mapped = new RegExp(`^a=rtpmap:(\\d{1,3}) ${sdp}/${SOUND_RATE}(?:/1)?$`, 'i');
  const named = section.flatMap((line) => mapped.exec(line)?.[1] ?? []).find((type) => types.includes(type));
  const isStatic =
    types.includes(String(payloadType)) && !section.some((line) => line.startsWith(`a=rtpmap:${payloadType} `));
  const type = Number(named ?? (isStatic ? payloadType : Number.NaN));
  return type <= 127 ? type : undefined;
}

/** In the order in which the browser prefers them. */
function formatsOf(video: readonly string[], codec: LiveCodec): Pick<Offer, 'payloadType' | 'parameters'>[] {
  const pattern = new RegExp(`^a=rtpmap:(\\d{1,3}) ${CODECS[codec].sdp}/90000$`, 'i');
  return video.flatMap((line) => {
    const type = pattern.exec(line)?.[1];
    if (type === undefined || Number(type) > 127) return [];
    const parameters = valueOf(video, new RegExp(`^a=fmtp:${type} (.+)$`)) ?? '';
    if (codec === 'h264' && !parameters.includes('packetization-mode=1')) return [];
    return [{ payloadType: Number(type), parameters }];
  });
}

function valueOf(lines: readonly string[], pattern: RegExp): string | undefined {
  for (const line of lines) {
    const value = pattern.exec(line)?.[1];
    if (value !== undefined) return value;
  }
  return undefined;
}

import { UsageError, VigiaError } from '@vigia/base';

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
 * @throws UsageError for text that is no offer of video; VigiaError `codec` for one without the codec.
 */
export function readOffer(sdp: string, codec: LiveCodec, profile: string | undefined): Offer {
  const lines = sdp.split(/\r?\n/);
  if (lines.length > LINES) throw new UsageError(`offer: at most ${LINES} lines are allowed`);
  for (const [i, line] of lines.entries())
    if (line.length > LINE_LENGTH || !/^(?:[a-z]=[\x20-\x7E]*)?$/.test(line))
      throw new UsageError(`offer: line ${i + 1} is no line of SDP`);
  if (lines[0] !== 'v=0') throw new UsageError('offer: SDP begins with "v=0"');
  for (const name of ['ice-ufrag', 'ice-pwd', 'fingerprint'])
    if (!lines.some((line) => line.startsWith(`a=${name}:`)))
      throw new UsageError(`offer: a=${name} is missing; this is no offer of WebRTC`);
  const video = videoSection(lines);
  const mid = valueOf(video, /^a=mid:([\w-]{1,32})$/);
  if (mid === undefined) throw new UsageError('offer: its video has no a=mid');
  if (video.some((line) => line === 'a=sendonly' || line === 'a=inactive'))
    throw new UsageError('offer: its video is to be received (a=recvonly)');
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

/** The lines of the first section of video. */
function videoSection(lines: readonly string[]): readonly string[] {
  const begin = lines.findIndex((line) => line.startsWith('m=video '));
  if (begin < 0) throw new UsageError('offer: it has no video (m=video)');
  const end = lines.findIndex((line, i) => i > begin && line.startsWith('m='));
  return lines.slice(begin, end < 0 ? undefined : end);
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

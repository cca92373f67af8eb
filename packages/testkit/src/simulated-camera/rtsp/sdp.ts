import { type Clip, nalRole, type VideoCodec } from '#simulated-camera/media';
import type { Presentation } from './presentation.ts';

/** Dynamic RTP payload type of the video track. */
export const VIDEO_PAYLOAD_TYPE = 96;
/** Control attribute of the video track, relative to Content-Base. */
export const VIDEO_CONTROL = 'trackID=0';
/** Control attribute of the audio track. */
export const AUDIO_CONTROL = 'trackID=1';

/** Encoding names of `a=rtpmap`. */
export const ENCODING_NAMES: Readonly<Record<VideoCodec, string>> = { h264: 'H264', h265: 'H265' };

/** The lines of an audio track that depend on its encoding. */
export interface AudioDescription {
  readonly payloadType: number;
  /** After the payload type in `a=rtpmap`: `PCMA/8000`. */
  readonly map: string;
  /** After the payload type in `a=fmtp`. */
  readonly parameters?: string;
}

/** Parameters of {@link describeClip} besides the clip. */
export interface SdpOptions {
  /** Session and version of the `o=` line, 0..2^32-1. */
  readonly sessionId: number;
  /** Encoding name in `a=rtpmap`. Default the clip's; another one omits the parameter sets. */
  readonly codec?: string | undefined;
  readonly payloadType: number;
  /** Frames per second in `a=framerate`. */
  readonly fps: number;
  /** Path of the camera. */
  readonly path: string;
  readonly audio?: AudioDescription | undefined;
}

/** The session description of the clip: a video track, and an audio track if there is sound; lines end with CR LF. */
export function describeClip(clip: Clip, options: SdpOptions): Presentation {
  const own = ENCODING_NAMES[clip.codec];
  const { payloadType, audio, codec = own } = options;
  const lines = [
    'v=0',
    `o=- ${options.sessionId} ${options.sessionId} IN IP4 0.0.0.0`,
    's=Simulated camera',
    'c=IN IP4 0.0.0.0',
    't=0 0',
    'a=control:*',
    'a=range:npt=now-',
    `m=video 0 RTP/AVP ${payloadType}`,
    `a=rtpmap:${payloadType} ${codec}/90000`,
    ...(codec === own ? [`a=fmtp:${payloadType} ${formatParameters(clip)}`] : []),
    `a=framerate:${Number(options.fps.toFixed(3))}`,
    `a=control:${VIDEO_CONTROL}`,
    'a=recvonly',
    ...(audio ? describeAudio(audio) : []),
  ];
  return {
    sdp: `${lines.join('\r\n')}\r\n`,
    tracks: [
      { kind: 'video', control: VIDEO_CONTROL },
      ...(audio ? [{ kind: 'audio', control: AUDIO_CONTROL } as const] : []),
    ],
    paths: [options.path],
    playsTracks: false,
    lenient: false,
  };
}

function describeAudio({ payloadType, map, parameters }: AudioDescription): string[] {
  return [
    `m=audio 0 RTP/AVP ${payloadType}`,
    `a=rtpmap:${payloadType} ${map}`,
    ...(parameters === undefined ? [] : [`a=fmtp:${payloadType} ${parameters}`]),
    `a=control:${AUDIO_CONTROL}`,
    'a=recvonly',
  ];
}

/** Format parameters derived from a clip's parameter sets, by name. */
export function parametersOf(clip: Clip): Readonly<Record<string, string>> {
  const sets = (role: string): string =>
    clip.parameterSets
      .filter((nal) => nalRole(nal, clip.codec) === role)
      .map((nal) => nal.toString('base64'))
      .join(',');
  if (clip.codec === 'h265') return { 'sprop-vps': sets('vps'), 'sprop-sps': sets('sps'), 'sprop-pps': sets('pps') };
  const sps = clip.parameterSets.find((nal) => nalRole(nal, 'h264') === 'sps') ?? Buffer.alloc(4);
  return {
    // profile_idc, constraint flags and level_idc: the three bytes after the NAL unit's header (RFC 6184 8.1).
    'profile-level-id': sps.toString('hex', 1, 4).toUpperCase(),
    'sprop-parameter-sets': clip.parameterSets.map((nal) => nal.toString('base64')).join(','),
  };
}

function formatParameters(clip: Clip): string {
  const named = Object.entries(parametersOf(clip)).map(([name, value]) => `${name}=${value}`);
  return (clip.codec === 'h264' ? ['packetization-mode=1', ...named] : named).join(';');
}

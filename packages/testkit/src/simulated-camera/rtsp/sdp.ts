import { type Clip, NAL_SPS, nalType } from '#simulated-camera/media';
import type { Presentation } from './presentation.ts';

/** Dynamic RTP payload type of the video track. */
export const VIDEO_PAYLOAD_TYPE = 96;
/** Control attribute of the video track, relative to Content-Base. */
export const VIDEO_CONTROL = 'trackID=0';

/** What {@link describeClip} needs beside the clip. */
export interface SdpOptions {
  /** Session and version of the `o=` line, 0..2^32-1. */
  readonly sessionId: number;
  /** Encoding name in `a=rtpmap`. Default `H264`; with another one the parameter sets are left out. */
  readonly codec?: string | undefined;
  /** Pictures per second in `a=framerate`. */
  readonly fps: number;
  /** Path of the camera. */
  readonly path: string;
}

/** The session description of the clip: one video track, lines ended by CR LF. */
export function describeClip(clip: Clip, options: SdpOptions): Presentation {
  const codec = options.codec ?? 'H264';
  const lines = [
    'v=0',
    `o=- ${options.sessionId} ${options.sessionId} IN IP4 0.0.0.0`,
    's=Simulated camera',
    'c=IN IP4 0.0.0.0',
    't=0 0',
    'a=control:*',
    'a=range:npt=now-',
    `m=video 0 RTP/AVP ${VIDEO_PAYLOAD_TYPE}`,
    `a=rtpmap:${VIDEO_PAYLOAD_TYPE} ${codec}/90000`,
    ...(codec === 'H264' ? [formatParameters(clip)] : []),
    `a=framerate:${Number(options.fps.toFixed(3))}`,
    `a=control:${VIDEO_CONTROL}`,
    'a=recvonly',
  ];
  return {
    sdp: `${lines.join('\r\n')}\r\n`,
    tracks: [{ kind: 'video', control: VIDEO_CONTROL }],
    paths: [options.path],
    playsTracks: false,
    lenient: false,
  };
}

function formatParameters(clip: Clip): string {
  const sps = clip.parameterSets.find((nal) => nalType(nal) === NAL_SPS);
  // profile_idc, constraint flags and level_idc: the three bytes after the NAL unit's header (RFC 6184 8.1).
  const profileLevelId = (sps ?? Buffer.alloc(4)).toString('hex', 1, 4).toUpperCase();
  const sprop = clip.parameterSets.map((nal) => nal.toString('base64')).join(',');
  return `a=fmtp:${VIDEO_PAYLOAD_TYPE} packetization-mode=1;profile-level-id=${profileLevelId};sprop-parameter-sets=${sprop}`;
}

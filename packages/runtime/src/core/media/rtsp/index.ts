export { type AccessUnit, H264Assembler } from './h264-assembler.ts';
export type { SenderReport } from './rtcp.ts';
export { RtpTimeline } from './rtp.ts';
export { DEFAULT_TIMEOUTS, RtspClient, type RtspClientOptions, type RtspTimeouts } from './rtsp-client.ts';
export { parseRtspUrl } from './rtsp-url.ts';
export { SourceError, type SourceReason } from './source-error.ts';

export type { AccessUnit } from './h264-assembler.ts';
export { RtpTimeline } from './rtp.ts';
export { RtspClient, type RtspClientOptions, type RtspTimeouts } from './rtsp-client.ts';
export { SourceError, type SourceReason } from './source-error.ts';

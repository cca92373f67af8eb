export { Authorization, type Credentials, MAX_AUTH_TRIES } from './authorization.ts';
export { connectError, readCertificate } from './connect-error.ts';
export { RtspClient } from './rtsp-client.ts';
export { RtpTimeline } from './rtp.ts';
export { decodeLogin } from './rtsp-url.ts';

export type { AuthOptions } from './auth.ts';
export { type AccessUnit, type Clip, type ClipErrorCode, loadClip, MAX_CLIP_BYTES } from './clip.ts';
export { defaultManners, type Manners, type PlayFacts, type SetupFacts } from './manners.ts';
export type { SimulatedCameraOptions, SimulatedCameraSettings } from './options.ts';
export type { CameraCommand, CameraEvent } from './process-messages.ts';
export type { RtspReply } from './rtsp-message.ts';
export { readSendTime, SEND_TIME_UUID } from './sei.ts';
export { SimulatedCamera, type SimulatedCameraStats } from './server.ts';
export type { SentUnit } from './session.ts';

export type { CameraSetup, CameraSnapshot, ConsumerSetup, FromCamera, ToCamera } from './camera-channel.ts';
export { ParentChannel } from './parent-channel.ts';

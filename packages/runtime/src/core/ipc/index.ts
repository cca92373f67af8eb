export { askContainer, type ContainerAnswer } from './ask-container.ts';
export type {
  CameraSetup,
  CameraSnapshot,
  ConsumerSetup,
  FromCamera,
  SourceSetup,
  ToCamera,
} from './camera-channel.ts';
export { ParentChannel } from './parent-channel.ts';

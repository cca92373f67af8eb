export { askContainer, type ContainerAnswer } from './ask-container.ts';
export type {
  CameraSetup,
  CameraSnapshot,
  ConsumerCounts,
  ConsumerSetup,
  ConsumerSnapshot,
  FromCamera,
  ModelConsumerSetup,
  RestartPolicy,
  SourceSetup,
  ToCamera,
  WorkerConsumerSetup,
  WorkerSetup,
} from './camera-channel.ts';
export { ParentChannel } from './parent-channel.ts';

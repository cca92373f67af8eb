export type { InferenceFault } from './faults.ts';
export { InferenceServer, type ServedModel, type ServedPort } from './inference-server.ts';
export type { InferAnswer, InferMessage } from './messages.ts';
export type { ServedTensor } from './tensors.ts';

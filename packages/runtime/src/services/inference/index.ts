export { ContainerClient, type ContainerClientOptions } from './container-client.ts';
export { ModelConsumer, type ModelConsumerOptions, type ResultWatcher } from './model-consumer.ts';
export { type LookCounts, SecondLook, type SecondLookOptions } from './second-look.ts';

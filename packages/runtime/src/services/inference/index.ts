export { type Answer, ContainerClient, type ContainerClientOptions, type Grant } from './container-client.ts';
export { ModelConsumer, type ModelConsumerOptions, type Rendered } from './model-consumer.ts';

export { ContainerClient, type ContainerClientOptions } from './container-client.ts';
export { ModelConsumer, type ModelConsumerOptions } from './model-consumer.ts';

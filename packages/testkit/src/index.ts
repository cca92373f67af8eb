export * from './simulated-camera/index.ts';
export * from './fake-container/index.ts';
export * from './inference-server/index.ts';

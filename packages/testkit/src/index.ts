export * from './simulated-camera/index.ts';
export * from './fake-container/index.ts';
export * from './inference-server/index.ts';
export { h264Sps, h265Sps } from './sps-writer.ts';

export * from './simulated-camera/index.ts';

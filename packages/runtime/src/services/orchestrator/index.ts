export { CameraHandle, type CameraHandleOptions } from './camera-handle.ts';
export { ModelHandle, type ModelHandleOptions } from './model-handle.ts';

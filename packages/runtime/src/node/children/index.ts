export { CameraHandle, type CameraHandleOptions } from './camera-handle.ts';
export { ExternalModelHandle } from './external-model-handle.ts';
export { ModelHandle, type ModelHandleOptions, type ModelSupervision } from './model-handle.ts';

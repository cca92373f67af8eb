export { CameraHandle, type CameraHandleOptions } from './camera-handle.ts';
export { ModelHandle, type ModelHandleOptions } from './model-handle.ts';
export { AgeHistogram, type Quantiles } from './quantiles.ts';
export { addSnapshots, closeOut, reportOf } from './totals.ts';

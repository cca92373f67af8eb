export { AgeHistogram, type Quantiles } from './ages.ts';
export type { CameraHandle } from './camera-handle.ts';
export type { Tried } from './camera-trial.ts';
export { Children, type ChildrenOptions, type NamedProcess } from './children.ts';
export { WatchedChild, type WatchedChildOptions } from './watched-child.ts';

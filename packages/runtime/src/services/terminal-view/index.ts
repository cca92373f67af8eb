export { JsonView, type JsonStream } from './json-view.ts';
export { LiveView, type Terminal } from './live-view.ts';
export type { NodeStatus, View, ViewEvent } from './node-status.ts';
export { PlainView } from './plain-view.ts';

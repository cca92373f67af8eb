export { JsonView, type JsonStream } from './json-view.ts';
export { LiveView, type Terminal } from './live-view.ts';
export type { View } from './view.ts';
export { PlainView } from './plain-view.ts';
export { recordedLine } from './event-line.ts';
export { statusScreen } from './status-screen.ts';

export { type BedReport, BedWatch } from './bed-watch.ts';
export { FallWatch, type FallNews } from './fall-watch.ts';
export { type VisitReport, VisitWatch } from './visit-watch.ts';
export { watchersOf } from './watchers.ts';

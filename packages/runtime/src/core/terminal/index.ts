export { nearest } from './nearest.ts';
export { ProgressBar, type ProgressStream } from './progress.ts';
export { counted, fit, formatBytes, formatElapsed, type Palette, paletteFor, wrap } from './text.ts';

export { ProgressBar, type ProgressStream } from './progress.ts';
export { counted, fit, formatBytes, formatElapsed, type Palette, paletteFor, printable, wrap } from './text.ts';

export { ProgressBar, type ProgressStream } from './progress.ts';
export { fit, formatBytes, formatElapsed, type Palette, paletteFor } from './text.ts';

// The bright model as a model module: one detection whose confidence is the frame's brightness.
//
// VIGIA_BRIGHT_DELAY_MS: its duration. VIGIA_BRIGHT_FAILS=1: it throws on a black frame.

const DELAY_MS = Number(process.env['VIGIA_BRIGHT_DELAY_MS'] ?? 0);
const FAILS = process.env['VIGIA_BRIGHT_FAILS'] === '1';

export const manifest = {
  version: '1',
  task: 'detection',
  classes: ['bright'],
  width: 8,
  height: 8,
  fit: 'stretch',
};

export function load() {
  return (frame) => {
    // Blocks, like a real model.
    if (DELAY_MS > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DELAY_MS);
    const sum = frame.data.reduce((total, byte) => total + byte, 0);
    if (FAILS && sum === 0) throw new Error('it is too dark to see anything');
    const confidence = Math.round((sum / frame.data.length / 255) * 10_000) / 10_000;
    return [{ class_id: 0, class_name: 'bright', confidence, bbox: [0, 0, 1, 1] }];
  };
}

/** Clamps to 0..1. NaN stays NaN; the caller drops it. */
export function clampUnit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Five decimals are a sixth of a pixel at 16,384: more are float32 noise that lengthens messages. */
export function roundUnit(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

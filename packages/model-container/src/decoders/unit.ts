/** The nearest number in 0..1. NaN stays NaN: whoever calls drops it. */
export function clampUnit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Five decimals are a sixth of a pixel at 16,384: the rest is float32 noise that only makes messages longer. */
export function roundUnit(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

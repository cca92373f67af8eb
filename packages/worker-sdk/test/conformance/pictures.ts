import { type PixelFormat, packedBytes } from '@vigia/contracts';
import type { TestPicture } from '../support/frames.ts';

/** A picture, and the brightness that a worker must find. */
export interface BrightPicture extends TestPicture {
  readonly pixels: Uint8Array;
  /** 0..1. */
  readonly brightness: number;
}

/** Longer than any line of any picture here, so that one line more, less or elsewhere shows. */
const PERIOD = 101;

/**
 * A picture whose lines differ, as far as possible. The colour planes of NV12 and I420 are full, so that counting them
 * shows.
 *
 * @param darkest 0 to 155: its bytes are `darkest` to `darkest + 100`. Up to 77 it is dark, above that bright.
 */
export function picture(format: PixelFormat, width: number, height: number, darkest: number): BrightPicture {
  const bytes = packedBytes(format, width, height);
  const planar = format === 'NV12' || format === 'I420';
  const looked = planar ? width * height : bytes;
  const period = Uint8Array.from({ length: PERIOD }, (_, i) => darkest + ((i * 37) % PERIOD));
  const pixels = Buffer.alloc(bytes, 255).fill(period, 0, looked);
  let sum = 0;
  for (let i = 0; i < looked; i += 1) sum += pixels[i] ?? 0;
  return { format, width, height, pixels, brightness: sum / (looked * 255) };
}

/** GRAY8 of 16 × 4, for tests where the picture does not matter. */
export const DARK: BrightPicture = picture('GRAY8', 16, 4, 0);
/** See {@link DARK}. */
export const BRIGHT: BrightPicture = picture('GRAY8', 16, 4, 155);

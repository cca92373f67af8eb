import type { ModelInput } from '#manifest';

/** Element types of a network's input. */
export type InputArray = Uint8Array | Int32Array | Float32Array;

/** A network's input format: {@link ModelInput} with every default filled in. */
export interface TensorLayout {
  readonly width: number;
  readonly height: number;
  readonly planar: boolean;
  /** Which channel of RGB comes first, second, third. */
  readonly order: readonly [number, number, number];
  readonly mean: readonly [number, number, number];
  readonly scale: readonly [number, number, number];
  /** Whether values are rounded and clamped to 0..255. */
  readonly integer: boolean;
  /** Whether bytes can be copied unchanged: interleaved RGB, uint8. */
  readonly plain: boolean;
}

/** Fills the defaults in. */
export function layoutOf(input: ModelInput): TensorLayout {
  const { width, height, layout = 'NHWC', type = 'uint8', order = 'RGB' } = input;
  const integer = type !== 'float32';
  return {
    width,
    height,
    planar: layout === 'NCHW',
    order: order === 'RGB' ? [0, 1, 2] : [2, 1, 0],
    mean: input.mean ?? [0, 0, 0],
    scale: input.scale ?? [1, 1, 1],
    integer,
    plain: layout === 'NHWC' && type === 'uint8' && order === 'RGB',
  };
}

/** A new, zeroed input for `rows` pictures. */
export function inputArray({ width, height, type = 'uint8' }: ModelInput, rows: number): InputArray {
  const length = rows * width * height * 3;
  if (type === 'float32') return new Float32Array(length);
  return type === 'int32' ? new Int32Array(length) : new Uint8Array(length);
}

/** The row of a batch that is being written. */
export interface TensorRow {
  /** The whole input. */
  readonly into: InputArray;
  /** Index in `into` where the row begins. */
  readonly first: number;
  readonly layout: TensorLayout;
}

/**
 * Writes the first `count` pixels of a line of RGB values (0..255, interleaved) into a network's input.
 *
 * @param x, y Position of the line's first pixel, in pixels of the input.
 */
export function writeLine(line: Float32Array, count: number, row: TensorRow, x: number, y: number): void {
  const { into, first, layout } = row;
  const { width, height, planar, order, mean, scale, integer } = layout;
  const step = planar ? 1 : 3;
  for (let c = 0; c < 3; c += 1) {
    const from = order[c] as number;
    const m = mean[c] as number;
    const s = scale[c] as number;
    let at = first + (planar ? c * width * height + y * width + x : (y * width + x) * 3 + c);
    if (integer) {
      // 0..255 already; storing into an integer array truncates.
      for (let i = from; i < count * 3; i += 3, at += step) into[at] = (line[i] as number) + 0.5;
    } else {
      for (let i = from; i < count * 3; i += 3, at += step) into[at] = ((line[i] as number) - m) * s;
    }
  }
}

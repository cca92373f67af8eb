import { UsageError, VigiaError } from '@vigia/base';
import type { ModelInput } from '#manifest';
import type { NetworkPort } from '#network';
import type { Wishes } from './wishes.ts';

/** The information in the shape of a network's input. */
export interface Geometry {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly layout: 'NHWC' | 'NCHW';
  readonly type: 'uint8' | 'int32' | 'float32';
  /** Whether the graph accepts several frames per run. */
  readonly openBatch: boolean;
}

const TYPES = ['uint8', 'int32', 'float32'] as const;
const CHANNELS = 3;
const SIDE_LIMIT = 4096;

/** A port for display: `images float32 [1,3,640,640]`; an open size is `?` or its name. */
export function describePort({ name, type, shape }: NetworkPort): string {
  const sizes = shape.map((size) => (typeof size === 'number' ? (size > 0 ? size : '?') : size || '?'));
  return `${name} ${type} [${sizes.join(',')}]`;
}

/**
 * Determines width, height and channel order of an input.
 *
 * @throws UsageError when the graph leaves its size open and no option sets it, VigiaError `model_unsuitable` for an
 *   input that is not a colour image.
 */
export function geometryOf(inputs: readonly NetworkPort[], wishes: Pick<Wishes, 'size'>): Geometry {
  const [input] = inputs;
  const seen = inputs.map(describePort).join(', ') || 'none';
  const unsuitable = (): VigiaError =>
    new VigiaError(
      'model_unsuitable',
      `its inputs are ${seen}; one input of uint8, int32 or float32 [N,3,height,width] or [N,height,width,3] is expected`,
    );
  const type = TYPES.find((name) => name === input?.type);
  if (!input || inputs.length !== 1 || input.shape.length !== 4 || !type) throw unsuitable();
  const [batch, ...rest] = input.shape;
  const layout = rest[0] === CHANNELS ? 'NCHW' : rest[2] === CHANNELS ? 'NHWC' : undefined;
  if (!layout) throw unsuitable();
  const openBatch = !isFixed(batch);
  if (!openBatch && batch !== 1) throw unsuitable();
  const [height, width] = layout === 'NCHW' ? rest.slice(1) : rest;
  return { name: input.name, layout, type, openBatch, ...sizeOf({ width, height }, wishes.size, seen) };
}

function isFixed(size: number | string | undefined): size is number {
  return typeof size === 'number' && size > 0;
}

type Size = Pick<ModelInput, 'width' | 'height'>;

function sizeOf(
  { width, height }: { readonly [side in keyof Size]: number | string | undefined },
  wished: Size | undefined,
  seen: string,
): Size {
  const size = { width: isFixed(width) ? width : wished?.width, height: isFixed(height) ? height : wished?.height };
  if (size.width === undefined || size.height === undefined)
    throw new UsageError(`its input is ${seen}, which leaves the size open: say --input-size WIDTHxHEIGHT`);
  const other = wished && (wished.width !== size.width || wished.height !== size.height);
  if (other)
    throw new UsageError(
      `--input-size ${wished.width}x${wished.height}: its input is ${seen}, so only ${size.width}x${size.height} is possible`,
    );
  if (Math.max(size.width, size.height) > SIDE_LIMIT)
    throw new VigiaError('model_unsuitable', `its input is ${seen}; sides up to ${SIDE_LIMIT} are possible`);
  return { width: size.width, height: size.height };
}

import { UsageError } from '@vigia/base';
import type { DecoderSettings, Fit, ModelInput } from '#manifest';
import type { Geometry } from './geometry.ts';
import type { PerChannel, Wishes } from './wishes.ts';

interface Convention {
  readonly fit: Fit;
  /** For a float32 input. */
  readonly mean: number;
  /** For a float32 input. */
  readonly scale: number;
}

/** The usual input of networks with these outputs. A module may belong to any network: 0..1 is the most common. */
const CONVENTIONS: Readonly<Record<DecoderSettings['kind'], Convention>> = {
  yolov8: { fit: 'letterbox', mean: 0, scale: 1 / 255 },
  ssd: { fit: 'stretch', mean: 127.5, scale: 1 / 127.5 },
  movenet: { fit: 'letterbox', mean: 0, scale: 1 },
  'movenet-multipose': { fit: 'letterbox', mean: 0, scale: 1 },
  foreground: { fit: 'stretch', mean: 128, scale: 1 / 256 },
  module: { fit: 'letterbox', mean: 0, scale: 1 / 255 },
};

/** Values this close to a simple fraction are shown as one. */
const FRACTION_LIMIT = 1000;

/**
 * The input of a network: its geometry, and the scaling of pixels by the options or by convention.
 *
 * @throws UsageError for a mean or scale of an integer input.
 */
export function inputOf(geometry: Geometry, kind: DecoderSettings['kind'], wishes: Wishes): ModelInput {
  const { name, width, height, layout, type } = geometry;
  const said = wishes.mean !== undefined || wishes.scale !== undefined;
  if (said && type !== 'float32')
    throw new UsageError(`--mean and --scale: the input is ${type}, which takes the pixels 0..255 as they are`);
  const convention = CONVENTIONS[kind];
  const all = (value: number): PerChannel => [value, value, value];
  return {
    name,
    width,
    height,
    format: 'RGB24',
    fit: wishes.fit ?? convention.fit,
    layout,
    type,
    order: wishes.order ?? 'RGB',
    ...(type === 'float32'
      ? {
          mean: wishes.mean ?? all(said ? 0 : convention.mean),
          scale: wishes.scale ?? all(said ? 1 : convention.scale),
        }
      : {}),
  };
}

/** An input for display, including what was guessed. */
export function describeInput(input: ModelInput, wishes: Wishes): string {
  const { width, height, layout, type, order, fit, mean, scale } = input;
  const numbers = mean && scale ? `(pixel − ${shortest(mean)}) × ${shortest(scale)}` : 'pixels as they are';
  const guessed = [
    wishes.fit ? '' : '--fit',
    wishes.order ? '' : '--order',
    mean && !wishes.mean && !wishes.scale ? '--mean, --scale' : '',
  ].filter((text) => text !== '');
  const guess = guessed.length > 0 ? ` (guessed by convention: ${guessed.join(', ')})` : '';
  return `${width}x${height}, ${fit}, ${layout}, ${type}, ${order}, ${numbers}${guess}`;
}

function shortest(values: PerChannel): string {
  const texts = values.map(numberText);
  return new Set(texts).size === 1 ? (texts[0] as string) : texts.join(',');
}

function numberText(value: number): string {
  const inverse = 1 / value;
  const isFraction = value < 1 && inverse < FRACTION_LIMIT && Math.abs(inverse - Math.round(inverse * 10) / 10) < 1e-6;
  return isFraction ? `1/${Math.round(inverse * 10) / 10}` : String(Math.round(value * 1e6) / 1e6);
}

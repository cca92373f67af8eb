import { UsageError } from '@vigia/base';
import type { DecoderSettings, ModelTask } from '#manifest';
import type { OutputTensor } from '#network';
import type { Geometry } from './geometry.ts';
import { KNOWN_DECODERS, type KnownDecoder } from './wishes.ts';

/** Shape of one output for one frame, without the batch. */
export interface OutputShape {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
}

/** A decoder that fits the outputs. */
export interface Recognised {
  readonly decoder: DecoderSettings;
  /** Number of classes in the outputs; a name per class is needed. */
  readonly classes: number;
  /** Default name of a single class. */
  readonly className?: string;
  readonly task: ModelTask;
  /** A guess that the shape does not confirm, for display. */
  readonly assumed: string;
}

interface Recogniser {
  /** For display. */
  readonly expects: string;
  /** Default threshold. */
  readonly threshold: number;
  find(
    outputs: readonly OutputShape[],
    geometry: Pick<Geometry, 'width' | 'height'>,
    threshold: number,
  ): Recognised | undefined;
}

const BOXES = { iou_threshold: 0.5, max_detections: 100 } as const;
/** 17 points, a box of four and its confidence. */
const MULTIPOSE = [6, 56];
const GRID = 128;

const RECOGNISERS: Readonly<Record<KnownDecoder, Recogniser>> = {
  movenet: {
    expects: 'one output [1,1,17,3]',
    threshold: 0.2,
    find: ([output], _geometry, score_threshold) =>
      output && same(output.dims, [1, 17, 3])
        ? {
            decoder: { kind: 'movenet', output: output.name, score_threshold },
            classes: 1,
            className: 'person',
            task: 'pose',
            assumed: "points as y, x, confidence, in COCO's order",
          }
        : undefined,
  },
  'movenet-multipose': {
    expects: 'one output [1,6,56]',
    threshold: 0.2,
    find: ([output], _geometry, score_threshold) =>
      output && same(output.dims, MULTIPOSE)
        ? {
            decoder: { kind: 'movenet-multipose', output: output.name, score_threshold },
            classes: 1,
            className: 'person',
            task: 'pose',
            assumed: "points as y, x, confidence, in COCO's order",
          }
        : undefined,
  },
  ssd: {
    expects: 'outputs [1,boxes,classes] and [1,boxes,4] or [1,boxes,1,4]',
    threshold: 0.5,
    find: findSsd,
  },
  yolov8: { expects: 'one output [1,4+classes,boxes]', threshold: 0.4, find: findYolo },
  foreground: {
    expects: 'an output [1,1,height,width] of the size of the input',
    threshold: 0.5,
    find: (outputs, { width, height }, threshold) => {
      const output = outputs.find(({ dims }) =>
        same(
          dims.filter((size, i) => i > 0 || size !== 1),
          [height, width],
        ),
      );
      return (
        output && {
          decoder: { kind: 'foreground', output: output.name, threshold, grid: GRID },
          classes: 1,
          className: 'foreground',
          task: 'segmentation',
          assumed: 'probabilities 0..1 of being foreground',
        }
      );
    },
  },
};

function findSsd(outputs: readonly OutputShape[], _geometry: unknown, score_threshold: number): Recognised | undefined {
  if (outputs.length !== 2) return undefined;
  const isBoxes = ({ dims }: OutputShape): boolean =>
    dims.at(-1) === 4 && (dims.length === 2 || (dims.length === 3 && dims[1] === 1));
  // Four classes look like boxes: in that case the order decides, scores first.
  const boxes = outputs.findLast(isBoxes);
  const scores = outputs.find((output) => output !== boxes);
  const [anchors = 0, classes = 0] = scores?.dims ?? [];
  if (!boxes || scores?.dims.length !== 2 || boxes.dims[0] !== anchors || anchors < 1) return undefined;
  return {
    decoder: { kind: 'ssd', scores: scores.name, boxes: boxes.name, anchors, score_threshold, ...BOXES },
    classes,
    task: 'detection',
    assumed: 'scores 0..1, boxes as y_min, x_min, y_max, x_max in shares of the picture',
  };
}

function findYolo(
  outputs: readonly OutputShape[],
  _geometry: unknown,
  score_threshold: number,
): Recognised | undefined {
  const [output] = outputs;
  const [rows = 0, anchors = 0] = output?.dims ?? [];
  if (!output || outputs.length !== 1 || output.dims.length !== 2 || rows < 5 || anchors <= rows) return undefined;
  return {
    decoder: { kind: 'yolov8', output: output.name, anchors, score_threshold, ...BOXES },
    classes: rows - 4,
    task: 'detection',
    assumed: 'rows of centre x, centre y, width, height in pixels of the input, then scores 0..1',
  };
}

/** A network's outputs for one frame, as shapes. */
export function shapesOf(tensors: readonly OutputTensor[]): OutputShape[] {
  return tensors.map(({ name, dims, data }) => ({ name, dims, type: typeOf(data) }));
}

function typeOf(data: OutputTensor['data']): string {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof BigInt64Array) return 'int64';
  return data instanceof Int32Array ? 'int32' : 'uint8';
}

/**
 * Finds the decoder for these outputs.
 *
 * @param wished The decoder, if an option names it.
 * @throws UsageError with the shapes found and the ones allowed, when none fits.
 */
export function recognise(
  outputs: readonly OutputShape[],
  geometry: Pick<Geometry, 'width' | 'height'>,
  wished: KnownDecoder | undefined,
  threshold: number | undefined,
): Recognised {
  const floats = outputs.filter((output) => output.type === 'float32');
  for (const kind of wished ? [wished] : KNOWN_DECODERS_IN_ORDER) {
    const recogniser = RECOGNISERS[kind];
    const found = recogniser.find(floats, geometry, threshold ?? recogniser.threshold);
    if (found) return found;
  }
  const seen = outputs.map(({ name, type, dims }) => `${name} ${type} [1,${dims.join(',')}]`).join(', ');
  const known = KNOWN_DECODERS.map((kind) => `${kind} (${RECOGNISERS[kind].expects})`).join(', ');
  throw new UsageError(
    wished
      ? `--decoder ${wished}: ${RECOGNISERS[wished].expects} is expected in float32, its outputs are ${seen}`
      : `its outputs are ${seen}, which no decoder here is for: known are, in float32, ${known}; for any other write one and say --decoder FILE.mjs`,
  );
}

// The most specific shapes first: six bodies look like a YOLO with two classes.
const KNOWN_DECODERS_IN_ORDER: readonly KnownDecoder[] = [
  'movenet',
  'movenet-multipose',
  'ssd',
  'yolov8',
  'foreground',
];

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

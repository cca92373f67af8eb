import { convertGraphModel } from '../../support/runtime-internals.ts';
import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';

/** A network without weights that is loaded and run: red, green and blue of 17 pixels are 17 points of a body. */
function pose(input: string, output: string): Buffer {
  const shape = [1, 1, 17, 3];
  const numbers = [new Float32Array([1 / 255]), new Int32Array(shape)];
  const data = Buffer.concat(numbers.map(({ buffer }) => Buffer.from(buffer)));
  const node = (
    op: string,
    name: string,
    inputs: string[] = [],
  ): { op: string; name: string; input: string[]; attr: object } => ({ op, name, input: inputs, attr: {} });
  const weights = [
    { name: 'scale', shape: [], dtype: 'float32' as const },
    { name: 'shape', shape: [4], dtype: 'int32' as const },
  ];
  const nodes = [
    node('Placeholder', input),
    node('Const', 'scale'),
    node('Mul', 'scaled', [input, 'scale']),
    node('Const', 'shape'),
    node('Reshape', output, ['scaled', 'shape']),
  ];
  const model = { modelTopology: { node: nodes }, weightsManifest: [{ paths: ['weights.bin'], weights }] };
  const cut = { input: { node: input, width: 1, height: 17 }, outputs: [{ node: output, as: output, dims: shape }] };
  return Buffer.from(convertGraphModel(model as unknown as Parameters<typeof convertGraphModel>[0], cut, () => data));
}

function flipped(random: Random, bytes: Buffer, times: number): Buffer {
  const out = Buffer.from(bytes);
  for (let n = 0; n < times; n += 1) {
    const at = random.int(0, out.byteLength - 1);
    out[at] = (out[at] ?? 0) ^ (1 << random.int(0, 7));
  }
  return out;
}

/** The converter has a use of its own for colons and carets. */
function nameOf(kind: string, foreign: ForeignText, limit: number): string {
  return `${kind} ${foreign.line().slice(0, limit).replaceAll(/[:^]/g, '-')}`;
}

type Maker = (random: Random, foreign: ForeignText) => Buffer;

const MAKERS: Readonly<Record<string, Maker>> = {
  'one bit': (random) => flipped(random, pose('input', 'points'), 1),
  'some bits': (random) => flipped(random, pose('input', 'points'), random.int(2, 20)),
  'foreign names': (random, foreign) =>
    pose(nameOf('in', foreign, random.of([50, 5_000])), nameOf('out', foreign, 500)),
  'a part': (random) => {
    const whole = pose('input', 'points');
    return whole.subarray(0, random.int(0, whole.byteLength));
  },
  // `metadata_props` of onnx.proto3, with a length that is not true.
  notes: (random, foreign) => {
    const text = Buffer.from(`{0: '${foreign.line().slice(0, 60)}'}`);
    const entry = Buffer.concat([
      Buffer.from([0x0a, 5]),
      Buffer.from('names'),
      Buffer.from([0x12, text.byteLength & 127]),
      text,
    ]);
    return Buffer.concat([
      pose('input', 'points'),
      Buffer.from([0x72, random.of([entry.byteLength & 127, 127, 1])]),
      entry,
    ]);
  },
  'random bytes': (random) => random.bytes(random.int(0, 2_000)),
  'what it was': () => pose('input', 'points'),
};

/** An ONNX file to be added, and what was done to it. */
export function onnxFile(random: Random): { readonly kind: string; readonly bytes: Buffer } {
  const kind = random.of(Object.keys(MAKERS));
  return { kind, bytes: MAKERS[kind]?.(random, new ForeignText(random, false)) ?? Buffer.alloc(0) };
}

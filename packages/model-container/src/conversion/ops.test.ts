import { VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { convert, convolutionAttributes, deviation, input, RAMP, run, SIDE } from '../../test/support/run-graph.ts';
import type { GraphWriter } from '../../test/support/tiny-model.ts';

const kernel = Array.from({ length: 54 }, (_, i) => ((i * 29) % 17) / 17 - 0.5);
const fused = (...ops: string[]): object => ({
  fused_ops: { list: { s: ops.map((op) => Buffer.from(op).toString('base64')) } },
});
const pixel = (y: number, x: number, c: number): number => RAMP[(y * SIDE + x) * 3 + c] ?? Number.NaN;
const FLOAT = { DstT: { type: 'DT_FLOAT' } };
/** Casts any tensor to a float output. */
const asFloat = (graph: GraphWriter, name: string): GraphWriter => graph.node('Cast', 'out', [name], FLOAT);

test.each([
  ['_FusedConv2D', 'Conv2D', 2, 'Relu6'],
  ['_FusedConv2D', 'Conv2D', 2, 'Relu'],
  ['_FusedConv2D', 'Conv2D', 2, undefined],
  ['FusedDepthwiseConv2dNative', 'DepthwiseConv2dNative', 6, 'Relu6'],
])('%s is %s to %i channels, a bias and %s', async (op, plain, channels, kind) => {
  const biases = [1, -2, 3, -4, 5, -6].slice(0, channels);
  const graph = input().constant('k', [3, 3, 3, 2], kernel).constant('b', [channels], biases);
  const attributes = convolutionAttributes('SAME', 2);
  graph.node(op, 'fused', ['input', 'k', 'b'], { ...attributes, ...fused('BiasAdd', ...(kind ? [kind] : [])) });
  graph.node(plain, 'conv', ['input', 'k'], attributes).node('BiasAdd', 'biased', ['conv', 'b']);
  if (kind) graph.node(kind, 'active', ['biased']);
  const dims = [1, 3, 3, channels];
  const expected = await run(graph, kind ? 'active' : 'biased', dims);
  expect(deviation(await run(graph, 'fused', dims), expected)).toBeLessThan(1e-6);
});

test('a fused operation that is not known is named', () => {
  const build = (...ops: string[]): (() => Uint8Array) => {
    const graph = input().constant('k', [3, 3, 3, 2], kernel).constant('b', [2], [0, 0]);
    graph.node('_FusedConv2D', 'out', ['input', 'k', 'b'], { ...convolutionAttributes('SAME', 1), ...fused(...ops) });
    return () => convert(graph, 'out', [1, SIDE, SIDE, 2]);
  };
  expect(build('BiasAdd', 'Elu')).toThrow("operation '_FusedConv2D' of node 'out' cannot be converted");
  expect(build('BiasAdd', 'Elu')).toThrow("the activation 'Elu' is not known");
  expect(build('FusedBatchNorm')).toThrow(VigiaError);
});

test.each([
  ['half pixels', { half_pixel_centers: { b: true } }, (i: number) => Math.max(0, (i + 0.5) / 2 - 0.5)],
  ['corners', { align_corners: { b: true } }, (i: number) => (i * (SIDE - 1)) / (2 * SIDE - 1)],
  ['neither', {}, (i: number) => i / 2],
])('bilinear scaling with %s takes what TensorFlow takes', async (_, attributes, place) => {
  const graph = input()
    .node('Shape', 'shape', ['input'])
    .constant('one', [1], [1], 'int32')
    .constant('three', [1], [3], 'int32')
    .node('StridedSlice', 'sides', ['shape', 'one', 'three', 'one'])
    .constant('two', [2], [2, 2], 'int32')
    .node('Mul', 'twice', ['sides', 'two'])
    .node('ResizeBilinear', 'large', ['input', 'twice'], attributes);
  const line = (y: number, x: number, c: number): number => {
    const [low, share] = [Math.floor(x), x - Math.floor(x)];
    return pixel(y, low, c) * (1 - share) + pixel(y, Math.min(SIDE - 1, low + 1), c) * share;
  };
  const expected = Array.from({ length: 300 }, (_unused, i) => {
    const [y, x, c] = [place(Math.floor(i / 30)), place(Math.floor(i / 3) % 10), i % 3];
    const [low, share] = [Math.floor(y), y - Math.floor(y)];
    return line(low, x, c) * (1 - share) + line(Math.min(SIDE - 1, low + 1), x, c) * share;
  });
  expect(deviation(await run(graph, 'large', [1, 10, 10, 3]), expected)).toBeLessThan(1e-5);
});

test('the largest of each window, and sums and largest along axes', async () => {
  const pool = { ksize: { list: { i: ['1', '3', '3', '1'] } }, ...convolutionAttributes('SAME', 1) };
  const graph = input().node('MaxPool', 'pool', ['input'], pool);
  graph.constant('last', [], [-1], 'int32').constant('plane', [2], [1, 2], 'int32');
  graph.node('Sum', 'sum', ['pool', 'last'], { keep_dims: { b: false } });
  graph.node('Max', 'max', ['pool', 'plane'], { keep_dims: { b: true } });
  const largest = (y: number, x: number, c: number): number => {
    const near = (i: number): number[] => [i - 1, i, i + 1].filter((n) => n >= 0 && n < SIDE);
    return Math.max(...near(y).flatMap((ny) => near(x).map((nx) => pixel(ny, nx, c))));
  };
  const pooled = Array.from({ length: 75 }, (_, i) => largest(Math.floor(i / 15), Math.floor(i / 3) % 5, i % 3));
  expect(await run(graph, 'pool', [1, SIDE, SIDE, 3])).toEqual(pooled);
  const sums = Array.from({ length: 25 }, (_, i) => pooled.slice(i * 3, i * 3 + 3).reduce((a, b) => a + b));
  expect(await run(graph, 'sum', [1, SIDE, SIDE])).toEqual(sums);
  const channel = (c: number): number => Math.max(...pooled.filter((_, i) => i % 3 === c));
  expect(await run(graph, 'max', [1, 1, 1, 3])).toEqual([channel(0), channel(1), channel(2)]);
});

test('integers are divided downwards for any signs; floats too', async () => {
  const graph = input()
    .constant('a', [4], [-7, 7, -7, 6], 'int32')
    .constant('b', [4], [2, 2, -2, -2], 'int32')
    .node('FloorDiv', 'quotient', ['a', 'b'], { T: { type: 'DT_INT32' } });
  expect(await run(asFloat(graph, 'quotient'), 'out', [4])).toEqual([-4, 3, 3, -3]);
  const floats = input().constant('a', [2], [-7, 7.5]).constant('b', [], [2]);
  floats.node('FloorDiv', 'out', ['a', 'b'], { T: { type: 'DT_FLOAT' } });
  expect(await run(floats, 'out', [2])).toEqual([-4, 3]);
});

test('what is largest and where, and gathering from there', async () => {
  const flat = [...RAMP];
  const order = flat.map((_, i) => i).sort((a, b) => (flat[b] ?? 0) - (flat[a] ?? 0));
  const graph = input()
    .constant('line', [2], [1, -1], 'int32')
    .node('Reshape', 'row', ['input', 'line'])
    .constant('k', [], [4], 'int32')
    .node('TopKV2', 'top', ['row', 'k'])
    .constant('axis', [], [1], 'int32')
    .node('ArgMax', 'first', ['row', 'axis'])
    .constant('zeros', [4], [0, 0, 0, 0], 'int32')
    .node('Squeeze', 'places', ['top:1'], { squeeze_dims: { list: { i: ['0'] } } })
    .node('Pack', 'indices', ['zeros', 'places'], { axis: { i: '1' } })
    .node('GatherNd', 'gathered', ['row', 'indices']);
  const top = order.slice(0, 4).map((i) => flat[i] ?? 0);
  expect(await run(graph, 'top', [1, 4])).toEqual(top);
  expect(await run(graph, 'gathered', [4])).toEqual(top);
  expect(await run(asFloat(graph, 'first'), 'out', [1])).toEqual([order[0]]);
});

test('comparing, choosing, counting', async () => {
  const graph = input()
    .constant('limit', [], [100])
    .node('Greater', 'over', ['input', 'limit'])
    .node('Less', 'under', ['input', 'limit'])
    .node('GreaterEqual', 'same', ['input', 'limit'])
    .node('Equal', 'equal', ['input', 'limit'])
    .node('LogicalAnd', 'none', ['over', 'under'])
    .node('Reciprocal', 'inverse', ['limit'])
    .node('Sub', 'less', ['input', 'limit'])
    .node('Abs', 'distance', ['less'])
    .node('Sqrt', 'root', ['distance'])
    .node('SquaredDifference', 'square', ['root', 'limit'])
    .node('Minimum', 'low', ['square', 'limit'])
    .node('Maximum', 'high', ['square', 'limit'])
    .node('RealDiv', 'share', ['low', 'high'])
    .node('Mul', 'scaled', ['share', 'inverse'])
    .node('Select', 'out', ['over', 'scaled', 'input']);
  for (const name of ['under', 'same', 'equal', 'none']) graph.node('Cast', `${name}/float`, [name], FLOAT);
  const dims = [1, SIDE, SIDE, 3];
  const map = (f: (value: number) => number): number[] => [...RAMP].map(f);
  expect(await run(graph, 'under/float', dims)).toEqual(map((v) => Number(v < 100)));
  expect(await run(graph, 'same/float', dims)).toEqual(map((v) => Number(v >= 100)));
  expect(await run(graph, 'equal/float', dims)).toEqual(map((v) => Number(v === 100)));
  expect(await run(graph, 'none/float', dims)).toEqual(map(() => 0));
  const expected = map((v) => {
    const square = (Math.sqrt(Math.abs(v - 100)) - 100) ** 2;
    return v > 100 ? Math.min(square, 100) / Math.max(square, 100) / 100 : v;
  });
  expect(deviation(await run(graph, 'out', dims), expected)).toBeLessThan(1e-5);
});

test('a tensor of lower rank is broadcast over what a convolution made, in the order of the source', async () => {
  const graph = input()
    .constant('k', [1, 1, 3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])
    .node('Conv2D', 'conv', ['input', 'k'], convolutionAttributes('SAME', 1))
    .constant('shape', [2], [25, 3], 'int32')
    .node('Reshape', 'rows', ['input', 'shape'])
    .constant('axis', [], [0], 'int32')
    .constant('from', [2], [7, 0], 'int32')
    .constant('size', [2], [1, 3], 'int32')
    .node('Slice', 'row', ['rows', 'from', 'size'])
    .node('Sub', 'out', ['conv', 'row']);
  const expected = [...RAMP].map((value, i) => value - (RAMP[21 + (i % 3)] ?? 0));
  expect(await run(graph, 'out', [1, SIDE, SIDE, 3])).toEqual(expected);
});

test('slices that add axes, that also take less, and that only drop one', async () => {
  const mask = (bits: number): { i: string } => ({ i: `${bits}` });
  const zeros = (name: string): [string, number[], number[], 'int32'] => [name, [4], [0, 0, 0, 0], 'int32'];
  const graph = input()
    .constant('flat', [2], [5, 15], 'int32')
    .node('Reshape', 'rows', ['input', 'flat'])
    .constant(...zeros('zeros'))
    .constant('ones', [4], [1, 1, 1, 1], 'int32')
    .node('StridedSlice', 'around', ['rows', 'zeros', 'zeros', 'ones'], {
      begin_mask: mask(0b1010),
      end_mask: mask(0b1010),
      new_axis_mask: mask(0b0101),
    })
    .constant('begin', [3], [0, 1, -1], 'int32')
    .constant('end', [3], [0, 3, 0], 'int32')
    .constant('steps', [3], [1, 1, 1], 'int32')
    .node('StridedSlice', 'part', ['rows', 'begin', 'end', 'steps'], {
      new_axis_mask: mask(0b001),
      shrink_axis_mask: mask(0b100),
    });
  expect(await run(graph, 'around', [1, 5, 1, 15])).toEqual([...RAMP]);
  expect(await run(graph, 'part', [1, 2])).toEqual([RAMP[29], RAMP[44]]);
});

test('splitting, counting up, filling, and how many there are', async () => {
  const graph = input()
    .constant('axis', [], [2], 'int32')
    .constant('narrow', [3], [1, 25, 3], 'int32')
    .node('Reshape', 'pixels', ['input', 'narrow'])
    .node('Split', 'channel', ['axis', 'pixels'], { num_split: { i: '3' } })
    .node('Size', 'count', ['channel:1'])
    .node('Cast', 'limit', ['count'], FLOAT)
    .constant('start', [], [0])
    .constant('step', [], [1])
    .node('Range', 'numbers', ['start', 'limit', 'step'])
    .constant('two', [1], [2], 'int32')
    .constant('seven', [], [7])
    .node('Fill', 'sevens', ['two', 'seven']);
  expect(await run(graph, 'channel:1', [1, 25, 1])).toEqual([...RAMP].filter((_, i) => i % 3 === 1));
  expect(await run(graph, 'numbers', [25])).toEqual(Array.from({ length: 25 }, (_, i) => i));
  expect(await run(graph, 'sevens', [2])).toEqual([7, 7]);
});

test('a cast to a type that is not known is named', () => {
  const graph = input().node('Cast', 'out', ['input'], { DstT: { type: 'DT_COMPLEX64' } });
  expect(() => convert(graph, 'out', [1])).toThrow("the type 'DT_COMPLEX64' is not known");
});

import { VigiaError } from '@vigia/base';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import {
  convert,
  convolutionAttributes,
  cutAt,
  deviation,
  input,
  RAMP,
  run,
  SIDE,
} from '../../test/support/run-graph.ts';
import type { GraphWriter } from '../../test/support/tiny-model.ts';
import { convertGraphModel } from './convert.ts';

const weights = (count: number): number[] => Array.from({ length: count }, (_, i) => ((i * 29) % 17) / 17 - 0.5);

/**
 * TensorFlow's Conv2D on [1, 5, 5, 3] and [3, 3, 3, out], or depthwise with [3, 3, 3, multiplier], by its
 * documentation.
 */
function reference(
  pixels: Uint8Array,
  kernel: number[],
  channels: number,
  stride: number,
  same: boolean,
  depthwise: boolean,
): number[] {
  const size = same ? Math.ceil(SIDE / stride) : Math.ceil((SIDE - 2) / stride);
  const pad = same ? Math.floor(Math.max(0, (size - 1) * stride + 3 - SIDE) / 2) : 0;
  const outputs = depthwise ? 3 * channels : channels;
  const out: number[] = [];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (let o = 0; o < outputs; o++) {
        let sum = 0;
        for (let ky = 0; ky < 3; ky++)
          for (let kx = 0; kx < 3; kx++)
            for (let c = 0; c < 3; c++) {
              const [iy, ix] = [y * stride + ky - pad, x * stride + kx - pad];
              if (iy < 0 || ix < 0 || iy >= SIDE || ix >= SIDE || (depthwise && c !== Math.floor(o / channels)))
                continue;
              const k = kernel[((ky * 3 + kx) * 3 + c) * channels + (depthwise ? o % channels : o)] ?? 0;
              sum += (pixels[(iy * SIDE + ix) * 3 + c] ?? 0) * k;
            }
        out.push(sum);
      }
  return out;
}

test.each([
  ['Conv2D', 'SAME', 1],
  ['Conv2D', 'SAME', 2],
  ['Conv2D', 'VALID', 1],
  ['Conv2D', 'VALID', 2],
  ['DepthwiseConv2dNative', 'SAME', 1],
  ['DepthwiseConv2dNative', 'SAME', 2],
  ['DepthwiseConv2dNative', 'VALID', 2],
])('%s with padding %s and stride %i computes what TensorFlow does', async (op, padding, stride) => {
  const kernel = weights(3 * 3 * 3 * 2);
  const graph = input()
    .constant('kernel', [3, 3, 3, 2], kernel)
    .node(op, 'conv', ['input', 'kernel'], convolutionAttributes(padding, stride));
  const depthwise = op !== 'Conv2D';
  const expected = reference(RAMP, kernel, 2, stride, padding === 'SAME', depthwise);
  const outputs = depthwise ? 6 : 2;
  const size = Math.sqrt(expected.length / outputs);
  expect(deviation(await run(graph, 'conv', [1, size, size, outputs], RAMP), expected)).toBeLessThan(1e-4);
});

test('what follows a convolution stays right across layouts: batch norm, bias, relu6, sums, sigmoid, exp', async () => {
  const kernel = weights(3 * 3 * 3 * 3);
  const graph = input()
    .constant('kernel', [3, 3, 3, 3], kernel)
    .node('Conv2D', 'conv', ['input', 'kernel'], convolutionAttributes('SAME', 1))
    .constant('gamma', [3], [1, 2, 3])
    .constant('beta', [3], [0.5, 0, -0.5])
    .constant('mean', [3], [10, 20, 30])
    .constant('variance', [3], [900, 400, 100])
    .node('FusedBatchNorm', 'norm', ['conv', 'gamma', 'beta', 'mean', 'variance'], {
      epsilon: { f: 0.001 },
      is_training: { b: false },
    })
    .constant('bias', [3], [0.1, 0.2, 0.3])
    .node('BiasAdd', 'biased', ['norm', 'bias'])
    .node('Relu6', 'relu', ['biased'])
    .node('AddN', 'sum', ['relu', 'norm', 'biased'])
    .constant('half', [], [0.5])
    .node('Mul', 'scaled', ['half', 'sum'])
    .node('Sigmoid', 'sigmoid', ['scaled'])
    .node('Exp', 'exp', ['^conv', 'sigmoid']);
  const conv = reference(RAMP, kernel, 3, 1, true, false);
  const [gamma, beta] = [
    [1, 2, 3],
    [0.5, 0, -0.5],
  ];
  const [mean, variance, bias] = [
    [10, 20, 30],
    [900, 400, 100],
    [0.1, 0.2, 0.3],
  ];
  const expected = conv.map((value, i) => {
    const of = (values: number[] | undefined): number => values?.[i % 3] ?? Number.NaN;
    const norm = ((value - of(mean)) / Math.sqrt(of(variance) + 0.001)) * of(gamma) + of(beta);
    const biased = norm + of(bias);
    return Math.exp(1 / (1 + Math.exp(-0.5 * (Math.min(6, Math.max(0, biased)) + norm + biased))));
  });
  expect(deviation(await run(graph, 'exp', [1, SIDE, SIDE, 3], RAMP), expected)).toBeLessThan(1e-4);
});

test('shapes are computed from tensors as the source does, and slices take what they should', async () => {
  const graph = input()
    .node('Shape', 'shape', ['input'])
    .constant('i1', [1], [1], 'int32')
    .constant('i2', [1], [2], 'int32')
    .constant('one', [1], [1], 'int32')
    .node('StridedSlice', 'height', ['shape', 'i1', 'i2', 'one'], { shrink_axis_mask: { i: '1' } })
    .constant('last', [1], [-1], 'int32')
    .constant('zero', [1], [0], 'int32')
    .node('StridedSlice', 'channels', ['shape', 'last', 'zero', 'one'], { shrink_axis_mask: { i: '1' } })
    .constant('rest', [], [-1], 'int32')
    .node('Pack', 'wanted', ['height', 'rest', 'channels'], { axis: { i: '0' } })
    .node('Reshape', 'rows', ['input', 'wanted'])
    .node('Unpack', 'row', ['rows'], { axis: { i: '0' }, num: { i: '5' } })
    .constant('begin', [2], [1, 0], 'int32')
    .constant('size', [2], [2, -1], 'int32')
    .node('Slice', 'part', ['row:4', 'begin', 'size']);
  const start = (4 * SIDE + 1) * 3;
  expect(await run(graph, 'part', [2, 3], RAMP)).toEqual([...RAMP.subarray(start, start + 6)]);
});

test('concat, tile, transpose, squeeze and expand', async () => {
  const graph = input()
    .constant('axis', [], [0], 'int32')
    .constant('flat', [2], [1, 75], 'int32')
    .node('Reshape', 'line', ['input', 'flat'])
    .node('Squeeze', 'vector', ['line'], { squeeze_dims: { list: { i: ['0'] } } })
    .node('ExpandDims', 'again', ['vector', 'axis'])
    .node('ConcatV2', 'both', ['line', 'again', 'axis'], { N: { i: '2' } })
    .constant('times', [2], [1, 2], 'int32')
    .node('Tile', 'tiled', ['both', 'times'])
    .constant('perm', [2], [1, 0], 'int32')
    .node('Transpose', 'turned', ['tiled', 'perm']);
  const expected = [...RAMP, ...RAMP].flatMap((value) => [value, value]);
  expect(await run(graph, 'turned', [150, 2], RAMP)).toEqual(expected);
});

test('quantised weights are expanded to what they stand for', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: -9, max: 9 }),
      (bytes, scale, min) => {
        const quantised = input().node('Const', 'c').node('Mul', 'out', ['input', 'c']).model;
        const plain = input()
          .constant(
            'c',
            [3],
            Array.from(bytes, (q) => q * scale + min),
          )
          .node('Mul', 'out', ['input', 'c']);
        const weightsManifest = [
          {
            paths: ['w'],
            weights: [{ name: 'c', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale, min } }],
          },
        ];
        const converted = convertGraphModel(
          { ...quantised, weightsManifest },
          cutAt('out', [1, SIDE, SIDE, 3]),
          () => bytes,
        );
        expect(Buffer.from(converted).equals(convert(plain, 'out', [1, SIDE, SIDE, 3]))).toBe(true);
      },
    ),
    { numRuns: 20 },
  );
});

function failure(graph: GraphWriter, output = 'out'): string {
  try {
    convert(graph, output, [1]);
  } catch (error) {
    expect(error).toBeInstanceOf(VigiaError);
    expect(error).toMatchObject({ code: 'conversion' });
    return (error as VigiaError).message;
  }
  return expect.fail('it was converted');
}

test('what cannot be converted is named', () => {
  expect(failure(input().node('NonMaxSuppressionV5', 'out', ['input']))).toBe(
    "operation 'NonMaxSuppressionV5' of node 'out' cannot be converted: this operation is not known",
  );
  expect(failure(input().node('Conv2D', 'out', ['input', 'input'], convolutionAttributes('SAME', 1)))).toContain(
    'input 1 must be a constant',
  );
  expect(
    failure(
      input()
        .constant('k', [1, 1, 3, 1], [1, 1, 1])
        .node('Conv2D', 'out', ['input', 'k'], convolutionAttributes('EXPLICIT', 1)),
    ),
  ).toContain("padding 'EXPLICIT'");
  expect(failure(input().node('Relu6', 'out', ['a']).node('Relu6', 'a', ['out']))).toContain('cycle');
  expect(failure(input().node('Relu6', 'out', ['nowhere']))).toContain("no node 'nowhere'");
  expect(failure(input().node('Relu6', 'out'))).toContain('input 0 is missing');
});

test('weights that do not fit their manifest are refused', () => {
  const model = input().node('Const', 'c').node('Mul', 'out', ['input', 'c']).model;
  const refuse = (entry: object, bytes: number): string => {
    const weightsManifest = [{ paths: ['w'], weights: [{ name: 'c', shape: [3], dtype: 'float32', ...entry }] }];
    try {
      convertGraphModel({ ...model, weightsManifest }, cutAt('out', [1]), () => new Uint8Array(bytes));
    } catch (error) {
      return (error as VigiaError).message;
    }
    return expect.fail('it was read');
  };
  expect(refuse({}, 11)).toContain('ends at byte 12, its shards have 11');
  expect(refuse({}, 13)).toContain('13 bytes, their manifest describes 12');
  expect(refuse({ dtype: 'complex64' }, 12)).toContain("'complex64'");
});

test('half precision weights are the numbers they stand for', async () => {
  const halves = [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x3555, 0x0400];
  const graph = input().node('Const', 'c').constant('shape', [1], [8], 'int32').node('Reshape', 'out', ['c', 'shape']);
  const [shape] = graph.model.weightsManifest[0]?.weights ?? [];
  const entry = { name: 'c', shape: [8], dtype: 'float32', quantization: { dtype: 'float16' } };
  const model = { ...graph.model, weightsManifest: [{ paths: ['w'], weights: shape ? [entry, shape] : [] }] };
  const bytes = Buffer.concat([Buffer.from(Uint16Array.from(halves).buffer), graph.weights]);
  const session = await InferenceSession.create(convertGraphModel(model, cutAt('out', [8]), () => bytes));
  const result = await session.run({ image: new Tensor('uint8', RAMP, [1, SIDE, SIDE, 3]) });
  await session.release();
  const smallest = 2 ** -24;
  expect(Array.from(result['out']?.data as Float32Array)).toEqual([
    0,
    1,
    -2,
    65504,
    smallest,
    -1023 * smallest,
    1365 / 4096,
    2 ** -14,
  ]);
});

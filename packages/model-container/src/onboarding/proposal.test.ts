import { COCO_80_CLASSES, COCO_CLASSES } from '#decoders';
import { expect, test } from 'vitest';
import { conventionalClasses, parseClasses } from './class-names.ts';
import { describeInput, inputOf } from './conventions.ts';
import { describePort, type Geometry, geometryOf } from './geometry.ts';
import { conclude, percentile } from './measurement.ts';
import { parseAddress } from './model-address.ts';
import { type OutputShape, recognise } from './recognise.ts';

const port = (shape: (number | string)[], type = 'float32') => ({ name: 'x', type, shape });
const output = (name: string, dims: number[], type = 'float32'): OutputShape => ({ name, dims, type });
const SQUARE = { width: 640, height: 640 };

test.each([
  ['models/a.onnx', { kind: 'file', path: `${process.cwd()}/models/a.onnx` }],
  ['npm:a@1.2.3', { kind: 'npm', npm: 'a@1.2.3', file: undefined }],
  ['npm:@s/a@1.2.3-rc.1/x/m.onnx', { kind: 'npm', npm: '@s/a@1.2.3-rc.1', file: 'x/m.onnx' }],
  ['http://h:8000/v2/models/m', { kind: 'remote', remote: { url: 'http://h:8000', model: 'm' } }],
  ['https://h/v2/models/m/versions/2', { kind: 'remote', remote: { url: 'https://h', model: 'm', version: '2' } }],
])('the source %s', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each([
  'a.pt',
  'npm:a',
  'npm:a@^1.0.0',
  'npm:a@latest',
  'npm:a@1.0.0/../m.onnx',
  'npm:a@1.0.0/m.json',
  'http://h/m.onnx',
  'http://h/v2/models/m?token=1',
  'grpc://h/v2/models/m',
])('the source %s is refused with what is allowed', (text) => {
  expect(() => parseAddress(text)).toThrow(/allowed are a FILE\.onnx, npm:NAME@VERSION/);
});

test.each<[(number | string)[], Partial<Geometry>]>([
  [[1, 3, 480, 640], { layout: 'NCHW', width: 640, height: 480, openBatch: false }],
  [['N', 480, 640, 3], { layout: 'NHWC', width: 640, height: 480, openBatch: true }],
  [[-1, 3, 'h', 'w'], { layout: 'NCHW', width: 320, height: 240, openBatch: true }],
])('the geometry of %j', (shape, geometry) => {
  const open = shape.includes('h') ? { width: 320, height: 240 } : undefined;
  expect(geometryOf([port(shape)], { size: open })).toMatchObject(geometry);
});

test.each<[(number | string)[], string, RegExp]>([
  [[1, 1, 64, 64], 'float32', /inputs are x float32 \[1,1,64,64\]; one input of uint8, int32 or float32/],
  [[1, 3, 64, 64], 'float16', /inputs are x float16/],
  [[4, 3, 64, 64], 'float32', /inputs are x float32 \[4,/],
  [[3, 64, 64], 'float32', /inputs are/],
  [[1, 3, 'h', 64], 'float32', /leaves the size open: say --input-size/],
  [[1, 3, 5000, 64], 'float32', /sides up to 4096/],
])('an input %j %s is refused with a sentence', (shape, type, message) => {
  expect(() => geometryOf([port(shape, type)], {})).toThrow(message);
});

test('another size than the fixed one, and several inputs, are refused', () => {
  expect(() => geometryOf([port([1, 3, 64, 64])], { size: { width: 32, height: 32 } })).toThrow(
    /only 64x64 is possible/,
  );
  expect(() => geometryOf([port([1, 3, 64, 64]), port([1])], {})).toThrow(/inputs are x .*, x /);
  expect(describePort(port([-1, 3, 'h', 0]))).toBe('x float32 [?,3,h,?]');
});

test.each<[OutputShape[], object, number]>([
  [[output('o', [84, 8400])], { kind: 'yolov8', output: 'o', anchors: 8400, score_threshold: 0.4 }, 80],
  [[output('s', [1917, 90]), output('b', [1917, 1, 4])], { kind: 'ssd', scores: 's', boxes: 'b', anchors: 1917 }, 90],
  [[output('b', [100, 4]), output('s', [100, 2])], { kind: 'ssd', scores: 's', boxes: 'b' }, 2],
  [[output('s', [100, 4]), output('b', [100, 4])], { kind: 'ssd', scores: 's', boxes: 'b' }, 4],
  [[output('o', [1, 17, 3])], { kind: 'movenet', output: 'o' }, 1],
  [[output('o', [6, 56])], { kind: 'movenet-multipose', output: 'o' }, 1],
  [[output('a', [1, 640, 640]), output('b', [1, 320, 320])], { kind: 'foreground', output: 'a' }, 1],
  [[output('i', [3], 'int64'), output('o', [640, 640])], { kind: 'foreground', output: 'o' }, 1],
])('outputs %j', (outputs, decoder, classes) => {
  expect(recognise(outputs, SQUARE, undefined, undefined)).toMatchObject({ decoder, classes });
});

test('an unrecognised network is reported with its shapes and the allowed ones', () => {
  const seen = [output('scores', [4420, 2]), output('ids', [4420], 'int64')];
  expect(() => recognise(seen, SQUARE, undefined, undefined)).toThrow(
    /scores float32 \[1,4420,2\], ids int64 \[1,4420\].*known are.*yolov8 \(one output \[1,4\+classes,boxes\]\).*--decoder FILE\.mjs/,
  );
  expect(() => recognise(seen, SQUARE, 'ssd', undefined)).toThrow(/--decoder ssd: outputs \[1,boxes,classes\]/);
  expect(recognise([output('o', [6, 56])], SQUARE, 'yolov8', 0.3)).toMatchObject({
    classes: 2,
    decoder: { score_threshold: 0.3 },
  });
});

const GEOMETRY: Geometry = { name: 'x', ...SQUARE, layout: 'NCHW', type: 'float32', openBatch: false };

test('scaling comes from the options, else from the decoder’s convention, and guesses are shown', () => {
  const guessed = inputOf(GEOMETRY, 'yolov8', {});
  expect(guessed).toMatchObject({
    fit: 'letterbox',
    order: 'RGB',
    mean: [0, 0, 0],
    scale: [1 / 255, 1 / 255, 1 / 255],
  });
  expect(describeInput(guessed, {})).toContain('× 1/255 (guessed by convention: --fit, --order, --mean, --scale)');
  const said = { mean: [1, 2, 3], fit: 'stretch', order: 'BGR' } as const;
  expect(inputOf(GEOMETRY, 'yolov8', said)).toMatchObject({ ...said, scale: [1, 1, 1] });
  expect(describeInput(inputOf(GEOMETRY, 'yolov8', said), said)).not.toContain('guessed');
  expect(inputOf({ ...GEOMETRY, type: 'uint8' }, 'ssd', {})).not.toHaveProperty('mean');
  expect(() => inputOf({ ...GEOMETRY, type: 'uint8' }, 'ssd', said)).toThrow(/takes the pixels 0\.\.255 as they are/);
});

test('classes are those of COCO by their number, or named', () => {
  expect(conventionalClasses(80)).toBe(COCO_80_CLASSES);
  expect(conventionalClasses(90)).toBe(COCO_CLASSES);
  expect(conventionalClasses(91)?.slice(0, 2)).toEqual(['', 'person']);
  expect(conventionalClasses(7)).toBeUndefined();
  expect(parseClasses('cat, dog')).toEqual(['cat', 'dog']);
  expect(parseClasses('coco80')).toBe(COCO_80_CLASSES);
  expect(() => parseClasses('no/such.txt')).toThrow(/--classes no\/such\.txt: ENOENT/);
  expect(() => parseClasses(',')).toThrow(/1 to 10000 are allowed/);
});

test('the largest batch that saves a tenth per picture is chosen, and no gap is jumped over', () => {
  const runs = (...perPicture: number[]) =>
    conclude(perPicture.map((ms, i) => ({ size: 2 ** i, runsMs: [ms * 2 ** i], peakMib: 100 + 10 * i }))).maxBatch;
  expect(runs(10)).toBe(1);
  expect(runs(10, 9)).toBe(2);
  expect(runs(10, 9.1)).toBe(1);
  expect(runs(10, 8, 7)).toBe(4);
  expect(runs(10, 9.5, 5)).toBe(1);
  expect(runs(10, 8, 7.9)).toBe(2);
});

test('percentiles, and the memory of the batch that is chosen', () => {
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([...Array(100).keys()], 0.99)).toBe(98);
  expect(percentile([], 0.5)).toBe(0);
  const batches = [
    { size: 1, runsMs: [10, 10, 30], peakMib: 100.2 },
    { size: 2, runsMs: [12, 12, 12], peakMib: 120.7 },
    { size: 4, runsMs: [24, 24, 24], peakMib: 150 },
  ];
  expect(conclude(batches, 'why')).toMatchObject({ p99Ms: 30, maxBatch: 2, memoryMib: 121, refused: 'why' });
});

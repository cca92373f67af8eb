import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertGraphModel } from '../../src/conversion/convert.ts';
import { formatManifest, MODEL_FILES } from '../../src/manifest/index.ts';
import { GraphWriter, withOpenBatch } from '../support/tiny-model.ts';

/** Of its frames, pixels. */
const SIDE = 8;
/** Values per frame, in the two sizes of the output other than the batch. */
const ROWS = 4;
const COLUMNS = (SIDE * SIDE * 3) / ROWS;
/** Frames per run. */
const MAX_BATCH = 2;

/** The bright model's decoder: the network only scales. Takes `VIGIA_BRIGHT_DELAY_MS` per frame. */
const DECODER = `const DELAY_MS = Number(process.env['VIGIA_BRIGHT_DELAY_MS'] ?? 0);
const FAILS = process.env['VIGIA_BRIGHT_FAILS'] === '1';
export function decode([shares]) {
  if (DELAY_MS > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DELAY_MS);
  const mean = shares.data.reduce((total, share) => total + share, 0) / shares.data.length;
  if (FAILS && mean === 0) throw new Error('it is too dark to see anything');
  return [{ class_id: 0, class_name: 'bright', confidence: Math.round(mean * 10_000) / 10_000, bbox: [0, 0, 1, 1] }];
}
`;

/** Writes a model folder: the bright model as a network with two frames per run. Returns `dir`. */
export function writeBrightNetwork(dir: string): string {
  mkdirSync(dir, { recursive: true });
  const graph = new GraphWriter()
    .node('Placeholder', 'input')
    .constant('scale', [], [1 / 255])
    .node('Mul', 'scaled', ['input', 'scale'])
    .constant('shape', [3], [-1, ROWS, COLUMNS], 'int32')
    .node('Reshape', 'shares', ['scaled', 'shape']);
  const cut = {
    input: { node: 'input', width: SIDE, height: SIDE },
    outputs: [{ node: 'shares', as: 'shares', dims: [1, ROWS, COLUMNS] }],
  };
  const fixed = Buffer.from(convertGraphModel(graph.model, cut, () => graph.weights));
  const onnx = withOpenBatch(withOpenBatch(fixed, SIDE), ROWS);
  const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
  const manifest = formatManifest({
    schema: 1,
    id: 'bright',
    version: '000000000001',
    sha256: sha256(onnx),
    licence: 'CC0-1.0',
    source: 'made by a test',
    task: 'detection',
    classes: ['bright'],
    input: { name: 'image', width: SIDE, height: SIDE, format: 'RGB24', fit: 'stretch', max_batch: MAX_BATCH },
    decoder: { kind: 'module', file: 'decoder.mjs', sha256: sha256(DECODER) },
  });
  writeFileSync(join(dir, MODEL_FILES.onnx), onnx);
  writeFileSync(join(dir, 'decoder.mjs'), DECODER);
  writeFileSync(join(dir, MODEL_FILES.manifest), manifest);
  return dir;
}

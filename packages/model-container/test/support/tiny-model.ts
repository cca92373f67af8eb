import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from 'tar';
import { convertGraphModel, type GraphCut, type GraphModel } from '../../src/conversion/convert.ts';
import type { WeightEntry } from '../../src/conversion/weights.ts';
import type { CatalogueEntry } from '../../src/model-store/catalogue.ts';

/** Node lists and weights of a graph model under construction, for tests. */
export class GraphWriter {
  readonly #nodes: GraphModel['modelTopology']['node'][number][] = [];
  readonly #weights: WeightEntry[] = [];
  readonly #data: Buffer[] = [];

  /** Adds a node. */
  node(
    op: string,
    name: string,
    input: string[] = [],
    attr: GraphModel['modelTopology']['node'][number]['attr'] = {},
  ): this {
    this.#nodes.push({ op, name, input, attr });
    return this;
  }

  /** Adds a constant. */
  constant(name: string, shape: number[], values: readonly number[], dtype: 'float32' | 'int32' = 'float32'): this {
    const array = dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values);
    this.#weights.push({ name, shape, dtype });
    this.#data.push(Buffer.from(array.buffer));
    return this.node('Const', name);
  }

  /** The parsed `model.json`. */
  get model(): GraphModel {
    const manifest = { paths: ['weights.bin'], weights: this.#weights };
    return { modelTopology: { node: this.#nodes }, weightsManifest: [manifest] };
  }

  /** The one shard. */
  get weights(): Buffer {
    return Buffer.concat(this.#data);
  }
}

/**
 * The first size of the port whose second is `second` becomes a dimension without a value: of the same length in the file,
 * so that no length around it changes.
 */
export function withOpenBatch(onnx: Buffer, second: number): Buffer {
  const at = onnx.indexOf(Buffer.from([0x0a, 0x02, 0x08, 0x01, 0x0a, 0x02, 0x08, second]));
  if (at < 0) throw new Error('there is no fixed batch');
  onnx.set([0x1a, 0x00], at + 2);
  return onnx;
}

/** A model that reports the 12 bytes of a 2x2 picture, scaled to 0..1, as scores of 12 classes of one box. */
export function tinyGraph(): GraphWriter {
  return new GraphWriter()
    .node('Placeholder', 'input')
    .constant('scale', [], [1 / 255])
    .node('Mul', 'scaled', ['input', 'scale'])
    .constant('shape', [3], [1, 1, 12], 'int32')
    .node('Reshape', 'scores', ['scaled', 'shape'])
    .constant('begin', [3], [0, 0, 8], 'int32')
    .constant('size', [3], [1, 1, 4], 'int32')
    .node('Slice', 'edges', ['scores', 'begin', 'size'])
    .constant('axis', [], [2], 'int32')
    .node('ExpandDims', 'boxes', ['edges', 'axis']);
}

/** What that model becomes: scores and boxes. */
export const TINY_CUT: GraphCut = {
  input: { node: 'input', height: 2, width: 2 },
  outputs: [
    { node: 'scores', as: 'scores', dims: [1, 1, 12] },
    { node: 'boxes', as: 'boxes', dims: [1, 1, 1, 4] },
  ],
};

/** That model, converted. */
export function tinyOnnx(): Uint8Array {
  const graph = tinyGraph();
  return convertGraphModel(graph.model, TINY_CUT, () => graph.weights);
}

/**
 * Writes a package with that model into `dir` and packs it: to be converted, as ONNX, and as ONNX in two pieces. Its
 * scripts would leave `marker` behind.
 */
export async function packTinyModel(dir: string, marker: string): Promise<{ tarball: Buffer; integrity: string }> {
  const folder = join(dir, 'package', 'models');
  mkdirSync(folder, { recursive: true });
  const graph = tinyGraph();
  writeFileSync(join(folder, 'model.json'), JSON.stringify(graph.model));
  writeFileSync(join(folder, 'weights.bin'), graph.weights);
  const onnx = tinyOnnx();
  writeFileSync(join(folder, 'tiny.onnx'), onnx);
  const pieces = [onnx.subarray(0, 100), onnx.subarray(100)].map((piece, i) => ({ hash: `piece${i}`, piece }));
  for (const { hash, piece } of pieces) writeFileSync(join(folder, hash), piece);
  const index = {
    '/tiny': { chunks: pieces.map(({ hash }) => ({ hash })) },
    '/lost': { chunks: [{ hash: 'nowhere' }] },
  };
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  writeFileSync(join(folder, 'ballast.bin'), Buffer.alloc(400_000, 'x'));
  const script = `touch ${marker}`;
  const scripts = { preinstall: script, install: script, postinstall: script, prepare: script, prepack: script };
  writeFileSync(
    join(dir, 'package', 'package.json'),
    JSON.stringify({ name: 'tiny-model', version: '1.0.0', scripts }),
  );
  const file = join(dir, 'tiny.tgz');
  await create({ file, cwd: dir, gzip: { level: 0 }, portable: true }, ['package']);
  const tarball = readFileSync(file);
  return { tarball, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` };
}

/** The catalogue entry of that package. */
export function tinyEntry(integrity: string, bytes: number, onnxSha256: string): CatalogueEntry {
  return {
    id: 'tiny',
    title: 'A tiny model',
    licence: 'CC0-1.0',
    task: 'detection',
    classes: Array.from({ length: 12 }, (_, i) => `class ${i}`),
    input: { name: 'image', width: 2, height: 2, format: 'RGB24', fit: 'stretch' },
    decoder: {
      kind: 'ssd',
      scores: 'scores',
      boxes: 'boxes',
      anchors: 1,
      score_threshold: 0.5,
      iou_threshold: 0.5,
      max_detections: 5,
    },
    onnxSha256,
    source: {
      kind: 'tfjs',
      npm: 'tiny-model@1.0.0',
      integrity,
      bytes,
      folder: 'models',
      files: ['model.json', 'weights.bin'],
      cut: TINY_CUT,
    },
  };
}

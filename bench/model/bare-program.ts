// Bare ONNX Runtime: the model's file, one input, run after run. Argument: JSON {path, threads, seconds}. Prints {runs,
// ms} as JSON.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { systemClock } from '@vigia/base';

/** The members in use. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(path: string, options: object): Promise<{ run(feeds: object, fetches: object): Promise<object> }>;
  };
  readonly Tensor: new (type: string, data: Uint8Array | Float32Array, dims: readonly number[]) => object;
}

const { path, threads, seconds } = JSON.parse(process.argv[2] ?? '') as {
  readonly path: string;
  readonly threads: number;
  readonly seconds: number;
};
const WARM_UP = 10;
// The container's own runtime, wherever it is installed.
const resolve = createRequire(import.meta.resolve('@vigia/model-container')).resolve;
const { InferenceSession, Tensor } = (await import(pathToFileURL(resolve('onnxruntime-node')).href)) as OnnxRuntime;
const session = await InferenceSession.create(path, {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
});
const input = new Tensor('uint8', new Uint8Array(300 * 300 * 3).fill(128), [1, 300, 300, 3]);
const feeds = { image: input };
const fetches = {
  scores: new Tensor('float32', new Float32Array(1917 * 90), [1, 1917, 90]),
  boxes: new Tensor('float32', new Float32Array(1917 * 4), [1, 1917, 1, 4]),
};
for (let i = 0; i < WARM_UP; i += 1) await session.run(feeds, fetches);
const startMs = systemClock.nowMs();
let runs = 0;
while (systemClock.nowMs() - startMs < seconds * 1000) {
  await session.run(feeds, fetches);
  runs += 1;
}
process.stdout.write(JSON.stringify({ runs, ms: systemClock.nowMs() - startMs }));

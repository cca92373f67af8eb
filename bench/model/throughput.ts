import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelStore } from '@vigia/model-container';
import type { BenchRun } from '../support/bench-run.ts';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { runProgram, stdoutOf } from '../supplier/program.ts';
import { BenchContainer, MODEL_ID } from './container.ts';

const BARE = fileURLToPath(new URL('./bare-program.js', import.meta.url));
const FEEDER = fileURLToPath(new URL('./feeder-program.js', import.meta.url));
const CAMERAS = [1, 4, 16] as const;
const MODEL = 'ssdlite-mobilenet-v2';
/** On top of the measured window. */
const LIMIT_MS = 60_000;

/** Pictures per second of a container, by turns with a bare loop over the same file with the same threads. */
export async function measureThroughput(run: BenchRun, rounds: number, threads: number): Promise<Table> {
  const { seconds, progress, signal } = run;
  const { dir, onnxPath } = await new ModelStore().resolve(MODEL, { pull: true });
  progress(`throughput, ${threads} thread(s), ${rounds} rounds of ${1 + CAMERAS.length} windows of ${seconds} s`);
  const limitMs = seconds * 1000 + LIMIT_MS;
  const program = async (path: string, settings: object): Promise<Record<string, number>> => {
    const end = await runProgram(process.execPath, [path, JSON.stringify(settings)], { signal, limitMs });
    return JSON.parse(stdoutOf(path, end)) as Record<string, number>;
  };
  const bare: number[] = [];
  const fed = new Map<number, number[]>(CAMERAS.map((n) => [n, []]));
  const shares: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const loop = await program(BARE, { path: onnxPath, threads, seconds });
    bare.push(((loop['runs'] ?? 0) * 1000) / (loop['ms'] ?? 1));
    const container = await BenchContainer.start(run, ['--model', dir, '--threads', String(threads)]);
    for (const cameras of CAMERAS) {
      const settings = { socketPath: container.socketPath, modelId: MODEL_ID, cameras, seconds };
      const seen = await program(FEEDER, { ...settings, picture: join(dir, 'golden.rgb') });
      fed.get(cameras)?.push(((seen['answers'] ?? 0) * 1000) / (seen['ms'] ?? 1));
      const each = seen['perCamera'] as unknown as readonly number[];
      if (round === rounds - 1 && cameras > 1)
        shares.push(`${cameras} cameras: ${Math.min(...each)} to ${Math.max(...each)}`);
    }
    await container.close();
    progress(
      `round ${round + 1}: bare ${ms(bare.at(-1) ?? 0)}/s, ${CAMERAS.map((n) => `${n}: ${ms(fed.get(n)?.at(-1) ?? 0)}/s`).join(', ')}`,
    );
  }
  const ratio = (n: number): readonly number[] => (fed.get(n) ?? []).map((rate, i) => rate / (bare[i] ?? 1));
  return {
    title: `Pictures per second, SSDLite 300×300, ${threads} thread${threads === 1 ? '' : 's'}`,
    columns: ['', 'pictures/s', 'of the bare loop', 'least to most'],
    rows: [
      ['bare onnxruntime loop', ms(quantile(bare, 0.5)), '', ''],
      ...CAMERAS.map((n) => [
        `container, ${n} camera${n === 1 ? '' : 's'}`,
        ms(quantile(fed.get(n) ?? [], 0.5)),
        quantile(ratio(n), 0.5).toFixed(3),
        `${quantile(ratio(n), 0).toFixed(3)} to ${quantile(ratio(n), 1).toFixed(3)}`,
      ]),
    ],
    notes: [
      `medians of ${rounds} rounds, ratios within a round; aim: at least 0.95`,
      'the bare loop runs the network only; the container also takes the picture, decodes the outputs, and has the feeding program beside it on the same cores',
      `answers per camera in the last round: ${shares.join('; ')}`,
    ],
  };
}

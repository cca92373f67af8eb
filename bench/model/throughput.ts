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
/** In addition to the measured window. */
const LIMIT_MS = 60_000;

/**
 * Frames per second of a container, each window between two of a bare loop over the same file with the same threads.
 */
export async function measureThroughput(run: BenchRun, rounds: number, threads: number): Promise<Table> {
  const { seconds, progress, signal } = run;
  const { dir, onnxPath } = await new ModelStore().resolve(MODEL, { pull: true });
  progress(`throughput, ${threads} thread(s), ${rounds} rounds of ${1 + 2 * CAMERAS.length} windows of ${seconds} s`);
  const limitMs = seconds * 1000 + LIMIT_MS;
  const program = async (path: string, settings: object): Promise<Record<string, number>> => {
    const end = await runProgram(process.execPath, [path, JSON.stringify(settings)], { signal, limitMs });
    return JSON.parse(stdoutOf(path, end)) as Record<string, number>;
  };
  const bareRate = async (): Promise<number> => {
    const loop = await program(BARE, { path: onnxPath, threads, seconds });
    return ((loop['runs'] ?? 0) * 1000) / (loop['ms'] ?? 1);
  };
  const bare: number[] = [];
  const fed = new Map<number, { readonly rate: number; readonly ratio: number }[]>(CAMERAS.map((n) => [n, []]));
  const shares: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const container = await BenchContainer.start(run, ['--model', dir, '--threads', String(threads)]);
    // The machine's speed varies from window to window: each one is compared with the bare loops before and after it.
    bare.push(await bareRate());
    for (const cameras of CAMERAS) {
      const settings = { socketPath: container.socketPath, modelId: MODEL_ID, cameras, seconds };
      const seen = await program(FEEDER, { ...settings, picture: join(dir, 'golden.rgb') });
      const rate = ((seen['answers'] ?? 0) * 1000) / (seen['ms'] ?? 1);
      const before = bare.at(-1) ?? 0;
      bare.push(await bareRate());
      fed.get(cameras)?.push({ rate, ratio: (2 * rate) / (before + (bare.at(-1) ?? 0)) });
      const each = seen['perCamera'] as unknown as readonly number[];
      if (round === rounds - 1 && cameras > 1)
        shares.push(`${cameras} cameras: ${Math.min(...each)} to ${Math.max(...each)}`);
    }
    await container.close();
    const last = CAMERAS.map((n) => `${n}: ${(fed.get(n)?.at(-1)?.ratio ?? 0).toFixed(3)}`);
    progress(`round ${round + 1}: of the bare loop (${ms(bare.at(-1) ?? 0)}/s) ${last.join(', ')}`);
  }
  const of = (n: number, what: 'rate' | 'ratio'): number[] => (fed.get(n) ?? []).map((window) => window[what]);
  return {
    title: `Pictures per second, SSDLite 300×300, ${threads} thread${threads === 1 ? '' : 's'}`,
    columns: ['', 'pictures/s', 'of the bare loop', 'least to most'],
    rows: [
      ['bare onnxruntime loop', ms(quantile(bare, 0.5)), '', ''],
      ...CAMERAS.map((n) => [
        `container, ${n} camera${n === 1 ? '' : 's'}`,
        ms(quantile(of(n, 'rate'), 0.5)),
        quantile(of(n, 'ratio'), 0.5).toFixed(3),
        `${quantile(of(n, 'ratio'), 0).toFixed(3)} to ${quantile(of(n, 'ratio'), 1).toFixed(3)}`,
      ]),
    ],
    notes: [
      `medians of ${rounds} rounds; a ratio is to the mean of the bare loops right before and after; aim: at least 0.95`,
      'the bare loop runs the network only; the container also takes the picture, decodes the outputs, and has the feeding program beside it on the same cores',
      `answers per camera in the last round: ${shares.join('; ')}`,
    ],
  };
}

import { fileURLToPath } from 'node:url';
import type { BenchRun } from '../support/bench-run.ts';
import { quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { runProgram, stdoutOf } from '../supplier/program.ts';
import type { WindowSample, WindowSetup } from './window.ts';

const HOST = fileURLToPath(new URL('./host-program.js', import.meta.url));
/** Debian's interpreter, which has numpy. Python programs are not compiled: they stay beside their source. */
const PYTHON = ['/usr/bin/python3', fileURLToPath(new URL('../../worker/hand-over.py', import.meta.url))];
const TYPESCRIPT = [process.execPath, fileURLToPath(new URL('./hand-over-program.js', import.meta.url))];
const LARGE = { width: 1920, height: 1080 } as const;
const SMALL = { width: 16, height: 16 } as const;
const FPS = 30;
/** In addition to the measured window: start, warm-up, end. */
const LIMIT_MS = 30_000;
/** Largest share of the CPU time of bytes on standard input. */
const CPU_AIM = 0.1;
/** From sending to arrival, by reference, p50, milliseconds. */
const HAND_OVER_AIM_MS = 0.5;

type How = Omit<WindowSetup, 'fps' | 'seconds'>;

/** A worker with both transports. */
interface Worker {
  readonly name: string;
  readonly how: Omit<How, 'transport'>;
  readonly stdin: WindowSample[];
  readonly shm: WindowSample[];
}

const worker = (name: string, command: readonly string[], more: Partial<Worker['how']> = {}): Worker => ({
  name,
  how: { command, ...LARGE, jpeg: false, touch: false, ...more },
  stdin: [],
  shm: [],
});

/** Cost and duration of passing a frame to a worker: alternating, each window in fresh processes. */
export async function measureHandOver(run: BenchRun, rounds: number): Promise<Table> {
  const workers = [
    worker('Python, pixels not looked at', PYTHON),
    worker('Python, numpy looks at every page', PYTHON, { touch: true }),
    worker('TypeScript, pixels not looked at', TYPESCRIPT),
  ];
  // The cost of a frame with hardly any pixels: the lower bound of any transport.
  const others = [
    worker('Python, JPEG', PYTHON, { jpeg: true }),
    worker('Python, a picture of 16 × 16', PYTHON, SMALL),
    worker('TypeScript, a picture of 16 × 16', TYPESCRIPT, SMALL),
  ];
  run.progress(`${rounds} rounds of ${2 * workers.length + others.length} windows of ${run.seconds} s`);
  for (let round = 1; round <= rounds; round += 1) {
    for (const { how, stdin, shm } of workers) {
      stdin.push(await measureWindow(run, { ...how, transport: 'stdin' }));
      shm.push(await measureWindow(run, { ...how, transport: 'shm' }));
    }
    for (const { how, stdin } of others) stdin.push(await measureWindow(run, { ...how, transport: 'stdin' }));
    const last = workers.map((each) => ratiosOf(each).at(-1)?.toFixed(3));
    run.progress(`round ${round}: CPU of shared memory to that of standard input ${last.join(', ')}`);
  }
  return {
    title: `A picture of 1920 × 1080 in RGB24 (6.2 MB) to a worker, ${FPS} per second`,
    columns: [
      '',
      'CPU ms/frame: host',
      'worker',
      'both',
      'to stdin',
      'by round',
      'handed over ms: p50',
      'p99',
      'round trip ms: p50',
      'p99',
    ],
    rows: [
      ...workers.flatMap((each) => [
        cells(`${each.name}: stdin`, each.stdin, []),
        cells(`${each.name}: shm`, each.shm, ratiosOf(each)),
      ]),
      ...others.map((each) => cells(`${each.name}: stdin`, each.stdin, [])),
    ],
    notes: [
      `${rounds} rounds of windows of ${run.seconds} s, by turns, each in fresh processes that are warm (1,000 frames, or 1.5 s of them, as fast as they are answered, then 2 s at the rate); CPU and ratios: medians of the rounds; times: of all frames`,
      `aims: shared memory takes at most ${CPU_AIM} of the CPU of raw bytes (${verdicts(workers, cpuMet)}), and hands over within ${HAND_OVER_AIM_MS} ms at p50 (${verdicts(workers, handOverMet)})`,
      'CPU: of all threads of both processes, idle ones included; scaling into the slot is in neither, it costs the same for both',
      '16 × 16: the cost of a frame itself, over any transport',
      'JPEG, for information: compressing is in its CPU and in its hand-over; the worker gets it compressed',
    ],
  };
}

async function measureWindow(run: BenchRun, how: How): Promise<WindowSample> {
  const setup: WindowSetup = { ...how, fps: FPS, seconds: run.seconds };
  const limitMs = run.seconds * 1000 + LIMIT_MS;
  const end = await runProgram(process.execPath, [HOST, JSON.stringify(setup)], { signal: run.signal, limitMs });
  const sample = JSON.parse(stdoutOf('the host', end)) as WindowSample;
  // Dropped frames would be cheap ones.
  if (sample.frames < FPS * run.seconds)
    run.progress(`${how.transport}: ${sample.frames} of ${FPS * run.seconds} frames were answered in time`);
  return sample;
}

const cpuOf = ({ hostCpuMs, workerCpuMs, frames }: WindowSample): number => (hostCpuMs + workerCpuMs) / frames;

/** The cost of a reference relative to that of bytes, in each round. */
function ratiosOf({ stdin, shm }: Worker): number[] {
  return shm.map((sample, round) => cpuOf(sample) / cpuOf(stdin[round] ?? sample));
}

function cpuMet(each: Worker): boolean {
  return quantile(ratiosOf(each), 0.5) <= CPU_AIM;
}

function handOverMet({ shm }: Worker): boolean {
  const all = shm.flatMap(({ handOver }) => handOver);
  return quantile(all, 0.5) <= HAND_OVER_AIM_MS;
}

function verdicts(workers: readonly Worker[], met: (each: Worker) => boolean): string {
  return workers.map((each) => `${each.name}: ${met(each) ? 'met' : 'missed'}`).join('; ');
}

function cells(name: string, samples: readonly WindowSample[], ratios: readonly number[]): string[] {
  const median = (of: (sample: WindowSample) => number): string => quantile(samples.map(of), 0.5).toFixed(2);
  const times = (of: (sample: WindowSample) => readonly number[]): string[] =>
    [0.5, 0.99].map((q) => quantile(samples.flatMap(of), q).toFixed(2));
  return [
    name,
    median(({ hostCpuMs, frames }) => hostCpuMs / frames),
    median(({ workerCpuMs, frames }) => workerCpuMs / frames),
    median(cpuOf),
    ratios.length > 0 ? quantile(ratios, 0.5).toFixed(3) : '',
    ratios.length > 0 ? `${quantile(ratios, 0).toFixed(3)}–${quantile(ratios, 1).toFixed(3)}` : '',
    ...times(({ handOver }) => handOver),
    ...times(({ roundTrip }) => roundTrip),
  ];
}

// The host of one window: a camera process's own consumer, with prepared frames, and a worker. Argument: a WindowSetup
// as JSON. Prints a WindowSample as JSON.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, Scope, sleep, systemClock } from '@vigia/base';
import { FrameSupplier } from '@vigia/frame-supplier';
import { allocateNv12, encodeSnapshot, newProcessConsumer, type Picture } from '../support/runtime-internals.ts';
import { pictureOf } from '../soak/picture-pool.ts';
import { PaintedRenditions } from './painted-renditions.ts';
import { taskCpuMs } from './task-cpu.ts';
import type { WindowSample, WindowSetup } from './window.ts';

type Options = Parameters<typeof newProcessConsumer>[0];
type Setup = Options['setup'];
type Result = Parameters<Options['onResult']>[0];

/** As fast as they are answered, until V8 has compiled what a long-running process has. */
const WARM_UP_FRAMES = 1_000;
/** Or this many milliseconds of them. */
const WARM_UP_MS = 1_500;
/** And then at the measured rate: V8 compiles for another second or two, which costs the first frames 0.1 ms each. */
const SETTLE_SECONDS = 2;
const START_MS = 10_000;
/** Far more than any frame takes: reaching it is a failure of the benchmark. */
const DEADLINE_MS = 5_000;

const window = JSON.parse(process.argv[2] ?? '') as WindowSetup;
const clock = systemClock;
const scope = new Scope();
// Ended from outside: segment and worker are removed as well.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void scope.close().then(() => process.exit(1)));
const runDir = mkdtempSync(join(tmpdir(), 'vigia-bench-worker-'));
scope.defer(() => rmSync(runDir, { recursive: true, force: true }));
const renditions = new PaintedRenditions(`/dev/shm/vigia_bench${process.pid}_frames_worker`, window, clock);
scope.defer(() => renditions.close());
/** Never used: the pictures of the renditions are painted. */
const frame = allocateNv12(window.width, window.height);
scope.defer(() => frame.free());
const supplier = new FrameSupplier<Picture>({ sourceIntervalMs: () => 1000 / window.fps });
supplier.start();
scope.defer(() => supplier.stop());

let handOver: number[] = [];
let roundTrip: number[] = [];
let wrong: string | undefined;
let onAnswered: () => void = () => undefined;
let onStarted: () => void = () => undefined;
const started = new Promise<void>((resolve) => {
  onStarted = resolve;
});

const options: Options = {
  setup: setupOf(window),
  place: { node: 'bench', boot: 'b', camera: 'camera', runDir },
  clock,
  log: createLog('bench', ({ message }) => void process.stderr.write(`${message}\n`), 'warn'),
  supplier,
  onState: ({ state, reason }) => {
    if (state === 'failed') wrong = `the worker ${reason?.message}`;
    // One of them will occur: a start has a timeout.
    if (state === 'ready' || state === 'failed') onStarted();
  },
  onResult: (result) => record(result),
  keepPicture: () => false,
};
const consumer = newProcessConsumer(options, {
  renditions,
  encodeJpeg: (data, width, height) => encodeSnapshot({ data, width, height }, undefined),
});
scope.defer(() => consumer.close());

function setupOf({ command, transport, width, height, jpeg, touch }: WindowSetup): Setup {
  return {
    kind: 'worker',
    id: 'consumer',
    input: { format: 'RGB24', width, height, fit: 'stretch' },
    fps: undefined,
    sla: 'normal',
    deadlineMs: DEADLINE_MS,
    maxAgeMs: undefined,
    worker: {
      id: 'worker',
      program: { command, dir: undefined },
      transport,
      jpeg,
      env: {},
      withheld: [],
      options: { touch },
      startTimeoutMs: START_MS,
      hangTimeoutMs: START_MS,
      restart: { delaysMs: [], unlimited: false, probeMs: undefined },
      cpu: { nice: 0, cpus: undefined },
      memoryMib: undefined,
    },
  };
}

function record({ status, error, data }: Result): void {
  const nowMs = clock.nowMs();
  const { at_ns: atNs = Number.NaN, mean } = (data ?? {}) as { readonly at_ns?: number; readonly mean?: number | null };
  if (status !== 'ok') wrong = `a frame ended as ${status}: ${error?.message ?? ''}`;
  else if (window.touch && !(Math.abs((mean ?? Number.NaN) - renditions.renderedMean) < 1e-6))
    wrong = `the worker saw ${mean}, painted was ${renditions.renderedMean}`;
  handOver.push(atNs / 1e6 - renditions.renderedMs);
  roundTrip.push(nowMs - renditions.renderedMs);
  onAnswered();
}

async function warmUp(): Promise<void> {
  const endMs = clock.nowMs() + WARM_UP_MS;
  for (let i = 0; i < WARM_UP_FRAMES && clock.nowMs() < endMs; i += 1) {
    const answered = new Promise<void>((resolve) => {
      onAnswered = resolve;
    });
    supplier.publish(pictureOf(frame));
    await answered;
  }
}

/** Publishes at the rate, each frame at its time: a late one does not delay the next one. */
async function publishFor(seconds: number): Promise<void> {
  const startMs = clock.nowMs();
  for (let i = 1; i <= seconds * window.fps; i += 1) {
    await sleep(clock, Math.max(0, startMs + (i * 1000) / window.fps - clock.nowMs()));
    supplier.publish(pictureOf(frame));
  }
  // The last one's answer.
  await sleep(clock, 1000 / window.fps);
}

async function measure(pid: number): Promise<WindowSample> {
  await warmUp();
  await publishFor(SETTLE_SECONDS);
  [handOver, roundTrip] = [[], []];
  const [host, worker] = [process.cpuUsage(), taskCpuMs(pid)];
  await publishFor(window.seconds);
  const { user, system } = process.cpuUsage(host);
  const workerCpuMs = taskCpuMs(pid) - worker;
  return { frames: handOver.length, hostCpuMs: (user + system) / 1000, workerCpuMs, handOver, roundTrip };
}

try {
  consumer.start();
  await started;
  const pid = consumer.report().process?.pid;
  if (typeof pid !== 'number') throw new Error(wrong ?? 'the worker has no process');
  const sample = await measure(pid);
  if (wrong !== undefined) throw new Error(wrong);
  process.stdout.write(JSON.stringify(sample));
} finally {
  await scope.close();
}

import { sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Hops, type Report } from '@vigia/contracts';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { addCounts } from '../support/numbers.ts';
import { cpuSeconds, descendantsOf, machineCpuSeconds, pssBytes } from '../support/processes.ts';
import { type TimedResult, VigiaNode } from '../support/vigia-node.ts';
import { wallOffsetMs } from '../support/wall-offset.ts';

/** Measurements with one number of cameras, summed over its rounds. */
export interface AgeSamples {
  readonly cameras: number;
  /** Milliseconds, one entry per ok result. */
  readonly sinceArrival: number[];
  readonly sinceSending: number[];
  readonly untilRead: number[];
  readonly hops: Hops[];
  readonly notOk: Record<string, number>;
  readonly dropped: Record<string, number>;
  captured: number;
  /** Interval between the two reports used for `captured` and `dropped`. */
  reportedS: number;
  /** Ok results of units unknown to the camera: must be 0. */
  unlinked: number;
  measuredS: number;
  /** One entry per process and round. */
  readonly usage: ProcessUsage[];
  readonly inferenceMs: { readonly p50: number; readonly p99: number }[];
  readonly broken: string[];
  /**
   * Phase of each camera's frames within the source's interval, milliseconds after the first camera's, one list per
   * round.
   */
  readonly phases: number[][];
}

/** CPU as a share of one core over the measured window. */
export interface ProcessUsage {
  readonly kind: 'camera' | 'container' | 'supervisor' | 'simulated camera' | 'benchmark' | 'others' | 'stolen';
  readonly cpu: number;
  /** NaN where it does not apply. */
  readonly pssBytes: number;
}

const WARM_UP_MS = 3_000;
const INTERVAL_MS = 100;

/** Nothing measured yet. */
export function newAgeSamples(cameras: number): AgeSamples {
  return {
    cameras,
    sinceArrival: [],
    sinceSending: [],
    untilRead: [],
    hops: [],
    notOk: {},
    dropped: {},
    captured: 0,
    reportedS: 0,
    unlinked: 0,
    measuredS: 0,
    usage: [],
    inferenceMs: [],
    broken: [],
    phases: [],
  };
}

/** One round: starts cameras and a node, lets them settle, measures for `seconds`, stops them. Adds to `samples`. */
export async function addAgeRound(run: BenchRun, seconds: number, samples: AgeSamples): Promise<void> {
  const cameras = new Map<string, CameraFork>();
  for (let i = 1; i <= samples.cameras; i += 1)
    cameras.set(`cam${i}`, await CameraFork.start(run, { reportUnits: true }));
  const node = VigiaNode.start(run, Object.fromEntries([...cameras].map(([id, camera]) => [id, camera.url])));
  await node.okResults([...cameras.keys()], 1);
  await sleep(systemClock, WARM_UP_MS, run.signal);

  const before = await node.report();
  const usage = new UsageWindow(node, [...cameras.values()]);
  const fromMs = systemClock.nowMs();
  await sleep(systemClock, seconds * 1000, run.signal);
  const untilMs = systemClock.nowMs();
  samples.usage.push(...usage.end());
  const after = await node.report();

  samples.measuredS += (untilMs - fromMs) / 1000;
  const results = node.results().filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  addResults(samples, results, cameras);
  addReports(samples, before, after);
  samples.phases.push(phasesOf([...cameras.values()]));
  samples.broken.push(...[before, after, await node.finish()].flatMap(conservationErrors));
  await node.close();
  for (const camera of cameras.values()) await camera.close();
}

function addResults(
  samples: AgeSamples,
  results: readonly TimedResult[],
  cameras: ReadonlyMap<string, CameraFork>,
): void {
  const wallMinusMonotonicMs = wallOffsetMs();
  for (const { atMs, result } of results) {
    if (result.status !== 'ok') {
      addCounts(samples.notOk, { [result.status]: 1 });
      continue;
    }
    samples.sinceArrival.push(result.age_ms);
    samples.hops.push(result.hops_ms);
    // `pts_us` is the stream's 90 kHz time unwrapped: on the wire it had 32 bits.
    const sentMs = cameras.get(result.camera)?.sentMs.get(Math.round(result.pts_us * 0.09) >>> 0);
    if (sentMs === undefined) {
      samples.unlinked += 1;
      continue;
    }
    // `captured_at` was truncated to whole milliseconds twice (the clock's reading, and the text): 1 ms on average.
    const capturedMs = Date.parse(result.captured_at) + 1 - wallMinusMonotonicMs;
    samples.sinceSending.push(capturedMs + result.age_ms - sentMs);
    samples.untilRead.push(atMs - sentMs);
  }
}

function addReports(samples: AgeSamples, before: Report, after: Report): void {
  samples.reportedS += (after.duration_ms - before.duration_ms) / 1000;
  for (const [id, camera] of Object.entries(after.cameras)) {
    const earlier = before.cameras[id];
    samples.captured += camera.captured - (earlier?.captured ?? 0);
    addCounts(samples.dropped, difference(camera.skipped, earlier?.skipped));
    addCounts(samples.dropped, { inbox: camera.inbox_drops - (earlier?.inbox_drops ?? 0) });
    for (const [name, consumer] of Object.entries(camera.consumers))
      addCounts(samples.dropped, difference(consumer.dropped, earlier?.consumers[name]?.dropped));
  }
  for (const model of Object.values(after.models)) samples.inferenceMs.push(model.inference_ms);
}

function difference(
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>> | undefined,
): Record<string, number> {
  return Object.fromEntries(Object.entries(now).map(([key, count]) => [key, count - (before?.[key] ?? 0)]));
}

/** CPU and memory of all participants, between its creation and `end`. */
class UsageWindow {
  readonly #processes: readonly { readonly kind: ProcessUsage['kind']; readonly pid: number }[];
  readonly #cpuBefore: readonly number[];
  readonly #machineBefore = machineCpuSeconds();
  readonly #startMs = systemClock.nowMs();

  constructor(node: VigiaNode, cameras: readonly CameraFork[]) {
    const children = descendantsOf(node.pid).map(({ pid, command }) => ({ kind: kindOf(command), pid }));
    this.#processes = [
      { kind: 'supervisor', pid: node.pid },
      ...children,
      ...cameras.map(({ pid }) => ({ kind: 'simulated camera' as const, pid })),
      { kind: 'benchmark', pid: process.pid },
    ];
    this.#cpuBefore = this.#processes.map(({ pid }) => cpuSeconds(pid));
  }

  end(): ProcessUsage[] {
    const seconds = (systemClock.nowMs() - this.#startMs) / 1000;
    const spent = this.#processes.map(({ pid }, i) => cpuSeconds(pid) - (this.#cpuBefore[i] ?? Number.NaN));
    const machine = machineCpuSeconds();
    const ours = spent.reduce((sum, each) => sum + each, 0);
    const others = machine.busy - this.#machineBefore.busy - ours;
    const stolen = machine.stolen - this.#machineBefore.stolen;
    return [
      ...this.#processes.map(({ kind, pid }, i) => ({
        kind,
        cpu: (spent[i] ?? Number.NaN) / seconds,
        pssBytes: pssBytes(pid),
      })),
      { kind: 'others', cpu: Math.max(0, others) / seconds, pssBytes: Number.NaN },
      { kind: 'stolen', cpu: stolen / seconds, pssBytes: Number.NaN },
    ];
  }
}

function kindOf(command: string): ProcessUsage['kind'] {
  if (command.includes('camera-process')) return 'camera';
  if (command.includes('model-container')) return 'container';
  throw new Error(`an unknown process of vigia: ${command}`);
}

/** Phase of each camera's frames, from the newest units that it reported. */
function phasesOf(cameras: readonly CameraFork[]): number[] {
  const newest = cameras.map(({ sentMs }) => [...sentMs.values()].at(-1) ?? 0);
  const first = newest[0] ?? 0;
  return newest.map((sentMs) => Math.round((((sentMs - first) % INTERVAL_MS) + INTERVAL_MS) % INTERVAL_MS));
}

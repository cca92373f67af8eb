import type { Aged } from '../support/age-plot.ts';
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { conservationErrors } from '@vigia/contracts';
import { ModelStore } from '@vigia/model-container';
import { clipOf } from '../capture/clips.ts';
import { BenchContainer, MODEL_ID } from '../model/container.ts';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { quantile } from '../support/numbers.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { Waiter } from '../support/waiter.ts';
import { endChild } from '../support/processes.ts';

/** Cameras that share the model. */
export const CAMERAS = 8;
const QUEUE_CAMERA = fileURLToPath(new URL('./queue-camera.js', import.meta.url));
/** Warm-up: connections, first keyframes, compilation. */
const WARM_UP_MS = 3_000;

/** An answer of the model about a camera's frame. */
export interface CameraAge extends Aged {
  readonly camera: string;
}

/** Results of one way of feeding the model in one window. */
export interface Outcome {
  readonly ages: readonly CameraAge[];
  readonly answers: number;
  /** Results that were not ok, or answers with an error. */
  readonly others: number;
  /** Per camera, in the window: 0 for one without results. */
  readonly perCamera: readonly number[];
  /** Duration of the model's run, 99th percentile, milliseconds; undefined where unknown. */
  readonly serviceMs: number | undefined;
  /** Arrival to picture, 99th percentile, milliseconds. */
  readonly decodeMs: number | undefined;
  /** Violated equations of the report; empty when every frame is accounted for. */
  readonly broken: readonly string[];
}

/** A camera at that rate, in a separate process, shared by all cameras of a node. */
function camera(run: BenchRun, clip: string, fps: number): Promise<CameraFork> {
  return CameraFork.start(run, { clip, fps });
}

/** A node as an operator starts it: each camera takes its newest frame when it receives a grant. */
export async function measureOurs(run: BenchRun, fps: number): Promise<Outcome> {
  const source = await camera(run, (await clipOf(run, '320×240@30')).path, fps);
  const ids = Array.from({ length: CAMERAS }, (_, n) => `cam-${n}`);
  const node = VigiaNode.start(run, Object.fromEntries(ids.map((id) => [id, source.url])));
  await node.okResults(ids, 1);
  await sleep(systemClock, WARM_UP_MS, run.signal);
  const from = node.lines.length;
  const beganMs = systemClock.nowMs();
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const results = node.results(from);
  const report = await node.finish();
  await node.close();
  await source.close();
  const ok = results.filter(({ result }) => result.status === 'ok');
  const ages = ok.map(({ atMs, result }) => ({ atMs: atMs - beganMs, ageMs: result.age_ms, camera: result.camera }));
  return {
    ages,
    answers: ok.length,
    others: results.length - ok.length,
    perCamera: countsOf(ids, ages),
    serviceMs: report.models['ssdlite']?.inference_ms.p99,
    decodeMs: quantile(
      ok.map(({ result }) => result.hops_ms.decoded ?? 0),
      0.99,
    ),
    broken: conservationErrors(report),
  };
}

/** The same capture, scaling and container, with an ordinary queue per camera in front of the model. */
export async function measureQueue(run: BenchRun, fps: number): Promise<Outcome> {
  const source = await camera(run, (await clipOf(run, '320×240@30')).path, fps);
  const { dir } = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  const container = await BenchContainer.start(run, ['--model', dir]);
  const waiter = new Waiter(run.signal);
  const ages: { atMs: number; ageMs: number; camera: string }[] = [];
  let failed = 0;
  const children: ChildProcess[] = [];
  run.scope.defer(() => stop(children));
  for (let id = 0; id < CAMERAS; id += 1) {
    const setup = { id, source: source.url, socketPath: container.socketPath, modelId: MODEL_ID };
    const child = fork(QUEUE_CAMERA, [JSON.stringify(setup)], { execArgv: [] });
    child.on('message', (message) => {
      const { atMs, ageMs, error } = message as { atMs: number; ageMs: number; error: string | null };
      if (error === null) ages.push({ atMs, ageMs, camera: String(id) });
      else failed += 1;
      waiter.wake();
    });
    children.push(child);
  }
  await waiter.until(
    'an answer for each camera',
    () => new Set(ages.map((a) => a.camera)).size === CAMERAS || undefined,
  );
  await sleep(systemClock, WARM_UP_MS, run.signal);
  const beganMs = systemClock.nowMs();
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const window = ages
    .filter((a) => a.atMs >= beganMs)
    .map(({ atMs, ageMs, camera: id }) => ({ atMs: atMs - beganMs, ageMs, camera: id }));
  await stop(children);
  await container.close();
  await source.close();
  const perCamera = countsOf(
    children.map((_, id) => String(id)),
    window,
  );
  return {
    ages: window,
    answers: window.length,
    others: failed,
    perCamera,
    serviceMs: undefined,
    decodeMs: undefined,
    broken: [],
  };
}

function countsOf(ids: readonly string[], ages: readonly CameraAge[]): number[] {
  return ids.map((id) => ages.filter((aged) => aged.camera === id).length);
}

async function stop(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(children.map(endChild));
}

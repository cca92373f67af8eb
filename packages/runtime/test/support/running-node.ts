import { join } from 'node:path';
import type { SimulatedCamera } from '@vigia/testkit';
import { afterEach, expect } from 'vitest';
import { type CameraText, reportNow, startFleet, untilSeen, writeConfig } from './fleet.ts';
import { type JsonLine, readReport, Sandbox, Vigia } from './vigia.ts';

type ResultLine = Extract<JsonLine, { readonly type: 'result' }>;

/** Closed after each test of a file that imports this one, newest first. */
export const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A node that a test runs. */
export interface RunningNode {
  readonly box: Sandbox;
  readonly fleet: readonly SimulatedCamera[];
  readonly vigia: Vigia;
  readonly reportFile: string;
  /** `c0`, `c1`, …: one per simulated camera. */
  readonly all: Readonly<Record<string, CameraText>>;
}

/** A node with the first `running` of `count` simulated cameras, each of which has been seen. */
export async function running(count: number, runningCount = count): Promise<RunningNode> {
  const fleet = await startFleet(count, 5);
  const box = new Sandbox();
  closers.push(
    () => Promise.all(fleet.map((camera) => camera.close())),
    () => box.remove(),
  );
  const all = Object.fromEntries(fleet.map((camera, i) => [`c${i}`, { source: camera.url }]));
  const started = Object.fromEntries(Object.entries(all).slice(0, runningCount));
  const reportFile = join(box.dir, 'r.json');
  const vigia = new Vigia(['run', '-c', writeConfig(box, started), '--report', reportFile, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await untilSeen(vigia, Object.keys(started));
  return { box, fleet, vigia, reportFile, all };
}

/**
 * Waits until the node reports each consumer as running. Reports come from the cameras once a second: after its first
 * result a consumer may still be reported as it was before.
 */
export async function untilReported(box: Sandbox): Promise<void> {
  for (let reported = false; !reported; ) {
    const cameras = Object.values((await reportNow(box)).cameras);
    const consumers = cameras.flatMap((camera) => Object.values(camera.consumers));
    reported = consumers.every(({ state }) => state === 'running');
  }
}

/** SIGHUP, and the line of the log that says what came of it. */
export async function hangUp(vigia: Vigia): Promise<string> {
  const from = vigia.stderr.length;
  vigia.process.kill('SIGHUP');
  return vigia.until(
    'the reload',
    () => /(?:configuration read again: |reload: nothing was changed).*(?=\n)/.exec(vigia.stderr.slice(from))?.[0],
  );
}

/** Runs a command of vigia to its end. */
export async function command(
  box: Sandbox,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const vigia = new Vigia(args, box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  const code = await vigia.ended();
  return { code, stdout: vigia.stdout, stderr: vigia.stderr };
}

/** Ends the node in order, expects that nothing is left, and returns its report. */
export async function stop({ vigia, box, reportFile }: RunningNode): Promise<ReturnType<typeof readReport>> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReport(reportFile);
}

/**
 * The results of a camera's new process, of those printed since line `from`: those after its `connecting`. Its first
 * picture may have no result when the model is busy, so a sequence number shows nothing.
 */
export function resultsOfNewProcess(vigia: Vigia, camera: string, from: number): ResultLine[] {
  const lines = vigia.lines.slice(from);
  const at = lines.findIndex((l) => l.type === 'camera_state' && l.camera === camera && l.state === 'connecting');
  return at < 0 ? [] : lines.slice(at).flatMap((l) => (l.type === 'result' && l.camera === camera ? [l] : []));
}

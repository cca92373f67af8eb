import { join } from 'node:path';
import type { Report } from '@vigia/contracts';
import { type SentUnit, SimulatedCamera } from '@vigia/testkit';
import { afterEach, expect } from 'vitest';
import { CLIP, readReport, Sandbox, Vigia } from './vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A node with one camera, and what that camera has sent. */
export interface WatchedNode {
  readonly camera: SimulatedCamera;
  readonly box: Sandbox;
  readonly vigia: Vigia;
  readonly reportFile: string;
  readonly sent: SentUnit[];
}

/** A node with one camera, running until the test stops it, with its first ok result in hand. */
export async function watchedNode(): Promise<WatchedNode> {
  const sent: SentUnit[] = [];
  const camera = await SimulatedCamera.start({ clip: CLIP, onUnitSent: (unit) => sent.push(unit) });
  const box = new Sandbox();
  const reportFile = join(box.dir, 'r.json');
  const vigia = new Vigia(['run', '-c', box.config({ hall: camera.url }), '--report', reportFile, '--json'], box.env);
  closers.push(
    () => camera.close(),
    () => box.remove(),
    () => vigia.process.kill('SIGKILL'),
  );
  await vigia.until('a first ok result', () => vigia.results.some((r) => r.status === 'ok'));
  return { camera, box, vigia, reportFile, sent };
}

/** Ends the node in order, with nothing left behind. Resolves with its report. */
export async function stop({ vigia, box, reportFile }: WatchedNode): Promise<Report> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReport(reportFile);
}

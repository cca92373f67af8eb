import { join } from 'node:path';
import type { ResultMessage } from '@vigia/contracts';
import { type SentUnit, SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { CLIP, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Running {
  readonly camera: SimulatedCamera;
  readonly box: Sandbox;
  readonly vigia: Vigia;
  readonly reportFile: string;
  readonly sent: SentUnit[];
}

/** A node with one camera, running until the test stops it, with its first ok result in hand. */
async function running(): Promise<Running> {
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

async function stop({ vigia, box, reportFile }: Running): ReturnType<typeof readReportOf> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReportOf(reportFile);
}

async function readReportOf(file: string): Promise<ReturnType<typeof readReport>> {
  return readReport(file);
}

function after(results: readonly ResultMessage[], from: number, status: string): ResultMessage | undefined {
  return results.slice(from).find((r) => r.status === status);
}

describe('kill -9 of the model container', () => {
  test('results turn unavailable, then ok again; the camera loses nothing', async () => {
    const node = await running();
    const { vigia, camera } = node;
    const before = vigia.results.length;
    const firstPid = vigia.child('model-container');
    process.kill(firstPid, 'SIGKILL');
    const gone = await vigia.until('an unavailable result', () => after(vigia.results, before, 'unavailable'));
    expect(gone.detections).toBeNull();
    expect(gone.error).not.toBeNull();
    await vigia.until('ok results again', () => after(vigia.results, vigia.results.indexOf(gone), 'ok'));
    expect(vigia.child('model-container')).not.toBe(firstPid);
    const report = await stop(node);
    const hall = report.cameras['hall'];
    expect(report.models['ssdlite']?.restarts).toBe(1);
    // Every unit that the camera sent was captured: at most the last ones are still on the way when it ends.
    expect(camera.stats().unitsSent - (hall?.captured ?? 0)).toBeLessThanOrEqual(5);
    // No picture was passed over: each has its result.
    const seqs = vigia.results.map((r) => r.seq);
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(hall?.consumers['people']?.results.unavailable).toBeGreaterThan(0);
  });
});

describe('SIGSTOP of the camera process', () => {
  /** What each result claims about its age, against the camera's own send times. */
  function expectNoneFresherThanItIs({ vigia, sent }: Running, wallMinusMonotonicMs: number): void {
    const sentMsOf = new Map(sent.map((u) => [u.rtpTime, Number(u.sentMonotonicNs) / 1e6]));
    for (const result of vigia.results) {
      const sentMs = sentMsOf.get(Math.round((result.pts_us * 9) / 100) >>> 0);
      const capturedMs = Date.parse(result.captured_at) - wallMinusMonotonicMs;
      // The fastest way from camera to us is the measure of lateness: a claim may be off by that, not by the backlog.
      expect(capturedMs - (sentMs as number), `seq ${result.seq} ${result.status}`).toBeLessThan(100);
      expect(result.age_ms).toBeGreaterThanOrEqual(0);
    }
  }
  const wallMinusMonotonic = (): number => Date.now() - Number(process.hrtime.bigint()) / 1e6;

  test('for 5 s under a stream that goes on: afterwards no result claims to be fresher than it is', async () => {
    const node = await running();
    const { vigia, sent } = node;
    const offset = wallMinusMonotonic();
    const pid = vigia.child('camera-process');
    process.kill(pid, 'SIGSTOP');
    const stopped = vigia.results.length;
    const sentBefore = sent.length;
    await vigia.until('50 more units to be sent', () => sent.length >= sentBefore + 50);
    process.kill(pid, 'SIGCONT');
    await vigia.until(
      '20 ok results',
      () => vigia.results.slice(stopped).filter((r) => r.status === 'ok').length >= 20,
    );
    expectNoneFresherThanItIs(node, offset);
    const report = await stop(node);
    // The backlog was read and decoded, but only its newest pictures were worth anything.
    expect(report.cameras['hall']?.skipped.late).toBeGreaterThan(20);
  });

  test('for 5 s under a stream that ends meanwhile: the backlog’s newest picture is 3 s old, and nobody is told otherwise', async () => {
    const node = await running();
    const { vigia, sent, camera } = node;
    const offset = wallMinusMonotonic();
    const pid = vigia.child('camera-process');
    process.kill(pid, 'SIGSTOP');
    const stopped = vigia.results.length;
    const stoppedMs = Date.now();
    const sentBefore = sent.length;
    await vigia.until('20 more units to be sent', () => sent.length >= sentBefore + 20);
    camera.pause();
    await vigia.until('5 s to have passed', () => Date.now() - stoppedMs > 5_000);
    process.kill(pid, 'SIGCONT');
    await vigia.until('the camera process to speak again', () => lastCaptured(vigia) > sentBefore + 10);
    // Nothing of the backlog is worth a result: its newest picture is stale, and counted so.
    const ofBacklog = vigia.results.filter((r) => r.status === 'ok' && r.seq > sentBefore + 2 && r.seq <= sent.length);
    expect(ofBacklog).toEqual([]);
    camera.resume();
    await vigia.until(
      '20 ok results',
      () => vigia.results.slice(stopped).filter((r) => r.status === 'ok').length >= 20,
    );
    expectNoneFresherThanItIs(node, offset);
    const report = await stop(node);
    expect(report.cameras['hall']?.consumers['people']?.dropped.stale).toBeGreaterThan(0);
  });
});

function lastCaptured(vigia: Vigia): number {
  const stats = vigia.lines.findLast((l) => l.type === 'stats');
  return stats?.type === 'stats' ? (stats.cameras['hall']?.captured ?? 0) : 0;
}

describe('kill -9 of the camera process', () => {
  test('it comes back, and the totals of both processes add up', async () => {
    const node = await running();
    const { vigia } = node;
    const before = vigia.results.length;
    process.kill(vigia.child('camera-process'), 'SIGKILL');
    await vigia.until('the death to be noticed', () =>
      vigia.lines.some((l) => l.type === 'camera_state' && l.reason === 'process_died'),
    );
    await vigia.until(
      'ok results again',
      () => vigia.results.length > before + 10 && vigia.results.at(-1)?.status === 'ok',
    );
    const report = await stop(node);
    expect(report.cameras['hall']?.restarts).toBe(1);
    expect(report.cameras['hall']?.state).toBe('live');
  });
});

describe('a camera that goes away', () => {
  test('is waited for with its reason, and is live again when it is back', async () => {
    const node = await running();
    const { vigia, camera } = node;
    camera.dropClients();
    const waiting = await vigia.until('the reason', () =>
      vigia.lines.find((l) => l.type === 'camera_state' && l.state === 'waiting'),
    );
    expect(waiting).toMatchObject({ reason: 'ended' });
    const seen = vigia.lines.length;
    await vigia.until('live again', () =>
      vigia.lines.slice(seen).some((l) => l.type === 'camera_state' && l.state === 'live'),
    );
    const report = await stop(node);
    expect(report.cameras['hall']?.reconnects).toBe(1);
  });
});

describe('a process that hangs', () => {
  test('a model container that does not answer is killed and replaced; results say timeout or unavailable meanwhile', async () => {
    const node = await running();
    const { vigia } = node;
    const before = vigia.results.length;
    const pid = vigia.child('model-container');
    process.kill(pid, 'SIGSTOP');
    await vigia.until('the container to be replaced', () =>
      vigia.stderr.includes('model:ssdlite does not answer (no answer within 900 ms), killed'),
    );
    const noticed = vigia.results.length;
    await vigia.until('ok results again', () => after(vigia.results, noticed, 'ok'));
    const meanwhile = vigia.results.slice(before, noticed);
    expect(meanwhile.every((r) => r.status === 'ok' || r.detections === null)).toBe(true);
    expect((await stop(node)).models['ssdlite']?.restarts).toBe(1);
  });

  test('a camera process that says nothing for 10 s is killed and replaced', async () => {
    const node = await running();
    const { vigia } = node;
    const before = vigia.results.length;
    process.kill(vigia.child('camera-process'), 'SIGSTOP');
    await vigia.until('the process to be replaced', () =>
      vigia.stderr.includes('camera:hall has said nothing for 10 s, killed'),
    );
    await vigia.until(
      'ok results again',
      () => vigia.results.length > before + 10 && vigia.results.at(-1)?.status === 'ok',
    );
    expect((await stop(node)).cameras['hall']?.restarts).toBe(1);
  });
});

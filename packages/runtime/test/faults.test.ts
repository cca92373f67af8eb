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

/** A node with one camera, running until it is told to stop, with its first ok result in hand. */
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
  test('for 5 s: afterwards no result claims to be fresher than it is', async () => {
    const node = await running();
    const { vigia, sent } = node;
    const pid = vigia.child('camera-process');
    const wallMinusMonotonicMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
    process.kill(pid, 'SIGSTOP');
    const stopped = vigia.results.length;
    const sentBefore = sent.length;
    await vigia.until('50 more units to be sent', () => sent.length >= sentBefore + 50);
    process.kill(pid, 'SIGCONT');
    await vigia.until(
      '20 ok results',
      () => vigia.results.slice(stopped).filter((r) => r.status === 'ok').length >= 20,
    );
    const sentMsOf = new Map(sent.map((u) => [u.rtpTime, Number(u.sentMonotonicNs) / 1e6]));
    let judged = 0;
    for (const result of vigia.results) {
      const rtpTime = Math.round((result.pts_us * 9) / 100) >>> 0;
      const sentMs = sentMsOf.get(rtpTime);
      if (sentMs === undefined) continue;
      judged += 1;
      const capturedMs = Date.parse(result.captured_at) - wallMinusMonotonicMs;
      // The fastest way from camera to us is the measure of lateness: a claim may be off by that, not by the backlog.
      expect(capturedMs - sentMs, `seq ${result.seq} ${result.status}`).toBeLessThan(100);
      expect(result.age_ms).toBeGreaterThanOrEqual(0);
    }
    expect(judged).toBe(vigia.results.length);
    await stop(node);
  });
});

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

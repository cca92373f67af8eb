/** @module-tag full */
import { describe, expect, test } from 'vitest';
import type { Vigia } from './support/vigia.ts';
import { stop, type WatchedNode, watchedNode } from './support/watched-node.ts';

describe('SIGSTOP of the camera process', () => {
  /** What each result claims about its age, against the camera's own send times. */
  function expectNoneFresherThanItIs({ vigia, sent }: WatchedNode, wallMinusMonotonicMs: number): void {
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
    const node = await watchedNode();
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
    // Meanwhile nobody knew whether it was live.
    const silent = { state: 'stalled', message: "the camera's process has said nothing for 3 s" };
    const states = vigia.lines.filter(({ type }) => type === 'camera_state').slice(-2);
    expect(states).toMatchObject([silent, { state: 'live' }]);
    const report = await stop(node);
    // The backlog was read and decoded, but only its newest pictures were worth anything.
    expect(report.cameras['hall']?.skipped.late).toBeGreaterThan(20);
  });

  test('for 5 s under a stream that ends meanwhile: the backlog’s newest picture is 3 s old, and nobody is told otherwise', async () => {
    const node = await watchedNode();
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

  test('a camera process that says nothing for 10 s is killed and replaced', async () => {
    const node = await watchedNode();
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

function lastCaptured(vigia: Vigia): number {
  const stats = vigia.lines.findLast((l) => l.type === 'stats');
  return stats?.type === 'stats' ? (stats.cameras['hall']?.captured ?? 0) : 0;
}

import type { ResultMessage } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { stop, watchedNode } from './support/watched-node.ts';

function after(results: readonly ResultMessage[], from: number, status: string): ResultMessage | undefined {
  return results.slice(from).find((r) => r.status === status);
}

describe('kill -9 of the model container', () => {
  test('results turn unavailable, then ok again; the camera loses nothing', async () => {
    const node = await watchedNode();
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

describe('kill -9 of the camera process', () => {
  test('it comes back, and the totals of both processes add up', async () => {
    const node = await watchedNode();
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
    const node = await watchedNode();
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
    const node = await watchedNode();
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
});

import { PIXEL_FORMATS } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { packed } from './pictures.ts';
import { COLOUR, type Rig, SLOW_MS } from './rig.ts';

/** The operations that every client uses on a healthy container. */
export function operationTests(rig: Rig): void {
  test('one request and done: five fields, send, shut down, read, the end', async () => {
    const peer = await rig.connect(rig.slow);
    peer.send(rig.infer());
    peer.end();
    const answer = await peer.next();
    expect(answer).toMatchObject({ model_id: rig.modelId, camera_id: 'hall', frame_id: 42, error: null });
    expect(answer).not.toHaveProperty('request_id');
    await peer.closedByContainer();
  });

  test('a kept connection: one request after the other, `op` written out or not', async () => {
    const peer = await rig.connect();
    for (let frameId = 0; frameId < 20; frameId += 1) {
      const op = frameId % 2 === 0 ? {} : { op: 'infer' };
      const answer = await peer.infer(rig.infer({ ...op, request_id: `r${frameId}` }, rig.plain(frameId)));
      rig.seen(answer);
      expect(answer).toMatchObject({ request_id: `r${frameId}`, frame_id: frameId, camera_id: 'hall' });
    }
  });

  test('ids and names of any characters come back unchanged', async () => {
    const peer = await rig.connect();
    for (const text of ['x', 'é-1', 'Flur 2. Stock – Süd', '{"a":[', '\u0000\n\t\\"', '🎥'.repeat(32)]) {
      const answer = await peer.infer(rig.infer({ request_id: text, camera_id: text }));
      rig.seen(answer);
      expect([answer.request_id, answer.camera_id]).toEqual([text, text]);
    }
  });

  test('without ids: 100 requests in one write are answered in their order', async () => {
    const peer = await rig.connect();
    const ids = Array.from({ length: 100 }, (_, i) => i);
    peer.send(...ids.map((i) => rig.infer({ camera_id: `c${i}` }, rig.plain(i))));
    for (const i of ids) expect(await peer.next()).toMatchObject({ camera_id: `c${i}`, frame_id: i, error: null });
  });

  test('with ids: 50 requests in one write are answered once each', async () => {
    const peer = await rig.connect();
    const ids = Array.from({ length: 50 }, (_, i) => `r${i}`);
    peer.send(...ids.map((id, i) => rig.infer({ request_id: id, camera_id: `c${i}` }, rig.plain(i))));
    const answers = await peer.answersTo(...ids);
    for (const [i, id] of ids.entries())
      expect(answers[id]).toMatchObject({ camera_id: `c${i}`, frame_id: i, error: null });
  });

  test('health and describe are answered while the model looks, before it and on other connections', async () => {
    const [peer, other] = [await rig.connect(rig.slow), await rig.connect(rig.slow)];
    peer.send(rig.infer({ request_id: 'i' }), { op: 'health', request_id: 'h' }, { op: 'describe', request_id: 'd' });
    other.send({ op: 'health' }, { op: 'describe' });
    expect(await other.next()).toMatchObject({ state: 'ready' });
    expect(await other.next()).toMatchObject({ protocol: 1 });
    const early = [await peer.next(), await peer.next()].map((answer) => answer['request_id']);
    expect(new Set(early)).toEqual(new Set(['d', 'h']));
    expect(await peer.next()).toMatchObject({ request_id: 'i', error: null });
  });

  test('without ids, a quick answer waits for the slow one before it', async () => {
    const peer = await rig.connect(rig.slow);
    peer.send(rig.infer(), { op: 'health' }, { op: 'describe' });
    expect(await peer.next()).toMatchObject({ frame_id: 42, error: null });
    expect(await peer.next()).toMatchObject({ state: 'ready' });
    expect(await peer.next()).toMatchObject({ protocol: 1 });
  });

  test('describe says what it serves', async () => {
    const peer = await rig.connect();
    const described = await peer.describe();
    expect(described).toMatchObject({ protocol: 1, model_id: rig.modelId, error: null });
    expect(described.input.formats).toContain('RGB24');
    for (const format of described.input.formats) expect(PIXEL_FORMATS).toContain(format);
    if (rig.subject.can.bright)
      expect(described).toMatchObject({ task: 'detection', classes: ['bright'], input: { width: 8, height: 8 } });
  });

  test('health counts every infer once, as ok or as error', async () => {
    const peer = await rig.connect();
    const before = await peer.health();
    await peer.infer(rig.infer());
    await peer.infer(rig.infer());
    await peer.infer(rig.infer({ frame_reference: rig.files.path('nothing') }));
    const after = await peer.health();
    const grown = (key: keyof typeof after.counters): number => after.counters[key] - before.counters[key];
    expect([grown('requests'), grown('ok'), grown('errors')]).toEqual([3, 2, 1]);
    expect(after.last_error).not.toBeNull();
    expect(after.uptime_ms).toBeGreaterThanOrEqual(before.uptime_ms);
  });

  test('metadata says how long the model took, and which it is', async () => {
    const peer = await rig.connect(rig.slow);
    const { model_version } = await peer.describe();
    const { metadata } = await peer.infer(rig.infer());
    if (rig.subject.can.bright) expect(metadata?.inference_time_ms).toBeGreaterThanOrEqual(SLOW_MS - 1);
    expect(metadata?.batch_size ?? 1).toBe(1);
    if (metadata?.model_version !== undefined) expect(metadata.model_version).toBe(model_version);
  });

  test('a wish for faint detections changes nothing else, and nothing of the next answer', async () => {
    const peer = await rig.connect();
    const plain = await peer.infer(rig.infer());
    const wished = await peer.infer(rig.infer({ faint_from: 0.05 }));
    rig.seen(wished);
    expect(wished.detections).toEqual(plain.detections);
    const least = Math.min(1, ...(wished.detections ?? []).map((detection) => detection.confidence));
    for (const faint of wished.faint ?? []) {
      expect(faint.confidence).toBeGreaterThanOrEqual(0.05);
      expect(faint.confidence).toBeLessThanOrEqual(least);
    }
    expect(await peer.infer(rig.infer())).not.toHaveProperty('faint');
    expect(plain).not.toHaveProperty('faint');
  });

  test('unknown fields are ignored', async () => {
    const peer = await rig.connect();
    const picture = rig.files.plain(packed('RGB24', 8, 8, COLOUR), 1);
    const metadata = { ...picture.frame_metadata, colour: 'red', captured_monotonic_ns: '1', rendition: 'whole' };
    rig.seen(await peer.infer(rig.infer({ future: { a: [1] }, frame_metadata: metadata })));
  });
}

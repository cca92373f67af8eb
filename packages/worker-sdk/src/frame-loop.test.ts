import { FakeClock } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { framesOf } from './frame-loop.ts';
import type { HostLink, LentFrame } from './host-link.ts';

const ready = { type: 'ready', protocol: 1, name: 'test' } as const;

/** A host with a number of frames, and the events at it, in order. */
class RecordedHost implements HostLink {
  readonly events: unknown[] = [];
  readonly changed = new Set<number>();
  readonly clock = new FakeClock(5_000);
  readonly #count: number;
  #seq = 0;

  constructor(count: number) {
    this.#count = count;
  }

  send(message: FromWorker): void {
    this.events.push(message);
  }

  next(): Promise<LentFrame | undefined> {
    if (this.#seq === this.#count) return Promise.resolve(undefined);
    this.#seq += 1;
    const seq = this.#seq;
    return Promise.resolve({
      facts: {
        cameraId: 'hall',
        seq,
        capturedAt: new Date(0),
        capturedMonotonicNs: 4_990_000_000n,
        sentAgeMs: 2,
        ptsUs: 0,
        width: 2,
        height: 2,
        format: 'GRAY8',
        planes: [{ offset: 0, stride: 2 }],
      },
      pixels: new Uint8Array(4),
      whole: () => !this.changed.has(seq),
      release: () => this.events.push(`release ${seq}`),
    });
  }

  close(): Promise<void> {
    this.events.push('close');
    return Promise.resolve();
  }
}

const result = (seq: number): object => expect.objectContaining({ type: 'result', seq, detections: [] }) as object;
const failed = (seq: number, code: string): object =>
  expect.objectContaining({ type: 'result', seq, error: expect.objectContaining({ code }) as object }) as object;

describe('the loop over frames', () => {
  test('is ready first, answers before it releases, and closes at the end', async () => {
    const host = new RecordedHost(2);
    for await (const frame of framesOf(host, ready, host.clock)) expect(frame.result({ detections: [] })).toBe(true);
    expect(host.events).toEqual([ready, result(1), 'release 1', result(2), 'release 2', 'close']);
  });

  test('answers no_result for a frame that the worker forgot', async () => {
    const host = new RecordedHost(2);
    for await (const frame of framesOf(host, ready, host.clock)) if (frame.seq === 2) frame.result({ detections: [] });
    expect(host.events).toEqual([ready, failed(1, 'no_result'), 'release 1', result(2), 'release 2', 'close']);
  });

  test('answers and closes when the worker leaves it', async () => {
    const host = new RecordedHost(2);
    for await (const frame of framesOf(host, ready, host.clock)) if (frame.seq === 1) break;
    expect(host.events).toEqual([ready, failed(1, 'no_result'), 'release 1', 'close']);
  });

  test('answers and closes when the worker throws', async () => {
    const host = new RecordedHost(2);
    const work = async (): Promise<void> => {
      for await (const frame of framesOf(host, ready, host.clock)) throw new Error(`its own at ${frame.seq}`);
    };
    await expect(work()).rejects.toThrow('its own at 1');
    expect(host.events).toEqual([ready, failed(1, 'no_result'), 'release 1', 'close']);
  });

  test('closes when the host speaks something else', async () => {
    const host = new RecordedHost(1);
    host.next = () => Promise.reject(new Error('garbage'));
    await expect(framesOf(host, ready, host.clock).next()).rejects.toThrow('garbage');
    expect(host.events).toEqual([ready, 'close']);
  });
});

describe('a frame', () => {
  async function one(): Promise<{ host: RecordedHost; frame: Awaited<ReturnType<typeof first>> }> {
    const host = new RecordedHost(1);
    return { host, frame: await first(host) };
  }
  async function first(host: RecordedHost) {
    const { value } = await framesOf(host, ready, host.clock).next();
    if (!value) throw new Error('no frame');
    return value;
  }

  test('grows older', async () => {
    const { host, frame } = await one();
    expect(frame.ageMs).toBe(10);
    host.clock.advance(5);
    expect(frame.ageMs).toBe(15);
    expect(frame.sentAgeMs).toBe(2);
  });

  test('has one answer, and no pixels afterwards', async () => {
    const { host, frame } = await one();
    expect(frame.pixels.byteLength).toBe(4);
    frame.error('dark', 'too_dark');
    const answered = expect.objectContaining({ code: 'frame_answered' }) as Error;
    expect(() => frame.result()).toThrow(answered);
    expect(() => frame.error('again')).toThrow(answered);
    expect(() => frame.pixels).toThrow(answered);
    expect(() => frame.whole()).toThrow(answered);
    expect(host.events).toEqual([ready, failed(1, 'too_dark'), 'release 1']);
  });

  test('that changed has the answer frame_changed', async () => {
    const { host, frame } = await one();
    host.changed.add(1);
    expect(frame.whole()).toBe(false);
    expect(frame.result({ data: 'worthless' })).toBe(false);
    expect(host.events).toEqual([ready, failed(1, 'frame_changed'), 'release 1']);
  });

  test('is still to be answered after a result that was refused', async () => {
    const { host, frame } = await one();
    expect(() => frame.result({ data: 1n })).toThrow(expect.objectContaining({ code: 'bad_result' }));
    host.send = () => {
      throw new Error('does not fit');
    };
    expect(() => frame.result()).toThrow('does not fit');
    expect(frame.answered).toBe(false);
    expect(host.events).toEqual([ready]);
  });
});

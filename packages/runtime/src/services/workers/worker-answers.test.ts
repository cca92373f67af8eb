import { addSecret, FakeClock } from '@vigia/base';
import type { Detection, ResultMessage, WorkerResult } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Flight, InFlight } from '#core/consumer';
import { geometryOf } from '#core/media';
import { Picture } from '#core/media/libav';
import { acceptAnswer, goneOutcome } from './worker-answers.ts';

const DEADLINE_MS = 500;
const [WIDTH, HEIGHT] = [600, 300];
/** The right half, 300×120 pixels from (300, 60) on: 100×40 of 100×100, 30 lines of padding above and below. */
const GEOMETRY = geometryOf(
  WIDTH,
  HEIGHT,
  { x: 0.5, y: 0.2, width: 0.5, height: 0.4 },
  { width: 100, height: 100, fit: 'letterbox', format: 'RGB24' },
);
const person = (bbox: Detection['bbox']): Detection => ({ class_id: 0, class_name: 'person', confidence: 0.9, bbox });
const answerOf = (seq: number, more: Partial<WorkerResult> = {}): WorkerResult => ({ type: 'result', seq, ...more });

let clock: FakeClock;
let inFlight: InFlight;
let results: ResultMessage[];
/** What the receiver of a result was given, and whether it could read it. */
let kept: (Picture | undefined)[];
/** In the order in which things happened. */
let log: string[];
let pictures: number;
let seq: number;

beforeEach(() => {
  clock = new FakeClock();
  results = [];
  kept = [];
  log = [];
  pictures = 0;
  seq = 0;
  inFlight = new InFlight({
    subject: { node: 'n', boot: 'b', camera: 'hall', consumer: 'falls', model: null, worker: 'falls' },
    sla: 'normal',
    deadlineMs: DEADLINE_MS,
    clock,
    onResult: (result, picture) => {
      // Throws when it was released before.
      if (picture) expect(picture.frame.width).toBe(WIDTH);
      results.push(result);
      kept.push(picture);
      log.push(`result ${result.seq} ${result.status}`);
    },
    // A worker that timed out still reads its pixels.
    onDeadline: (timeout) => inFlight.settle(timeout),
  });
});

afterEach(() => {
  inFlight.close();
  // In every course: one result, one notice to the mailbox, one release of slot and picture for each.
  expect(results.map((r) => r.seq)).toEqual(Array.from({ length: pictures }, (_, i) => i + 1));
  for (const what of ['settled', 'picture freed']) expect(log.filter((entry) => entry === what)).toHaveLength(pictures);
  const rendered = log.filter((entry) => entry.startsWith('rendered'));
  expect(log.filter((entry) => entry.startsWith('slot'))).toEqual(rendered.map((entry) => `slot ${entry.slice(9)}`));
  expect(clock.pendingTimers).toBe(0);
});

function answer(result: WorkerResult): string | undefined {
  return acceptAnswer(inFlight, result);
}

function gone(reason: { code: string; message: string }): void {
  inFlight.end(goneOutcome('falls', reason));
}

/** A picture that is taken over. */
function begin(keep = false): Flight {
  pictures += 1;
  seq += 1;
  const at = clock.nowMs();
  const stamps = {
    capturedMs: at,
    capturedWallMs: clock.wallMs(),
    hiddenMs: 0,
    arrivedMs: at,
    decodedMs: at,
    ptsUs: 0,
  };
  const frame = { width: WIDTH, height: HEIGHT } as Frame;
  const picture = new Picture(frame, stamps, () => log.push('picture freed'));
  picture.seq = seq;
  return inFlight.begin(picture, keep, { settle: () => log.push('settled') });
}

function render(): void {
  const of = seq;
  inFlight.rendered(GEOMETRY, { release: () => void log.push(`slot ${of}`) });
  log.push(`rendered ${of}`);
}

/** A picture that the worker has. */
function send(keep = false): Flight {
  const flight = begin(keep);
  render();
  inFlight.sent();
  return flight;
}

describe('one result', () => {
  test('its data has no secret, in texts and in names', () => {
    addSecret('hush/hush');
    send();
    const data = { 'key hush%2Fhush': ['say hush/hush', 7, null, { deep: true }], ['__proto__']: 1 };
    expect(answer({ ...answerOf(1), data })).toBeUndefined();
    expect(results[0]?.data).toEqual({ 'key ***': ['say ***', 7, null, { deep: true }], ['__proto__']: 1 });
  });

  test('answered: then free', () => {
    const flight = send();
    expect([inFlight.busy, inFlight.isOpen(flight), inFlight.report().in_flight]).toEqual([true, true, 1]);
    clock.advance(40);
    expect(answer(answerOf(1))).toBeUndefined();
    expect([inFlight.busy, inFlight.isOpen(flight), inFlight.report().in_flight]).toEqual([false, false, 0]);
    expect(results).toMatchObject([{ status: 'ok', detections: [], age_ms: 40, error: null }]);
    expect(results[0]?.hops_ms).toMatchObject({ taken: 0, rendered: 0, sent: 0, received: 40, decided: 40 });
    // The deadline went with it.
    clock.advance(DEADLINE_MS * 2);
    expect(results).toHaveLength(1);
  });

  test('answered twice: the second answer is an error, and belongs to no picture', () => {
    send();
    answer(answerOf(1));
    expect(answer(answerOf(1))).toBe('a result for frame 1 while none was out');
    send();
    expect(answer(answerOf(1))).toBe('a result for frame 1, frame 2 was out');
    expect([results.length, inFlight.busy, inFlight.report().discarded_answers]).toEqual([1, true, 0]);
    answer(answerOf(2));
  });

  test('an answer for another frame changes nothing', () => {
    const flight = send();
    expect(answer(answerOf(2))).toBe('a result for frame 2, frame 1 was out');
    expect([inFlight.busy, inFlight.isOpen(flight), results.length]).toEqual([true, true, 0]);
    expect(log).not.toContain('slot 1');
    answer(answerOf(1));
    expect(results).toMatchObject([{ status: 'ok' }]);
  });

  test('an answer for another frame after the deadline does not free it', () => {
    send();
    clock.advance(DEADLINE_MS);
    expect(answer(answerOf(2))).toBe('a result for frame 2, frame 1 was out');
    expect([inFlight.busy, inFlight.report().discarded_answers]).toEqual([true, 0]);
    expect(log).not.toContain('slot 1');
  });

  test('an answer before it was sent is an error', () => {
    expect(answer(answerOf(1))).toBe('a result for frame 1 while none was out');
    begin();
    expect(answer(answerOf(1))).toBe('a result for frame 1 while none was out');
    render();
    expect(answer(answerOf(1))).toBe('a result for frame 1 while none was out');
    expect(results).toEqual([]);
    inFlight.sent();
    expect(answer(answerOf(1))).toBeUndefined();
  });

  test('no deadline before it was sent', () => {
    begin();
    clock.advance(DEADLINE_MS * 2);
    render();
    clock.advance(DEADLINE_MS * 2);
    expect(results).toEqual([]);
    inFlight.sent();
    clock.advance(DEADLINE_MS - 1);
    expect(results).toEqual([]);
    clock.advance(1);
    expect(results).toMatchObject([{ status: 'timeout', error: { code: 'deadline_exceeded' } }]);
  });

  test('the deadline of an answered frame does not apply to the next one, which is being rendered', () => {
    send();
    clock.advance(DEADLINE_MS - 100);
    answer(answerOf(1));
    begin();
    clock.advance(DEADLINE_MS);
    expect(results).toHaveLength(1);
    render();
    inFlight.sent();
    clock.advance(DEADLINE_MS - 1);
    answer(answerOf(2));
    expect(results.map((r) => r.status)).toEqual(['ok', 'ok']);
  });

  test('the deadline: not free until the late answer, which is discarded', () => {
    const flight = send();
    clock.advance(DEADLINE_MS);
    const error = { code: 'deadline_exceeded', message: 'no answer within 500 ms' };
    expect(results).toMatchObject([{ status: 'timeout', detections: null, age_ms: 500, error }]);
    expect([inFlight.busy, inFlight.isOpen(flight), inFlight.report().in_flight]).toEqual([true, false, 0]);
    // The worker still reads the pixels.
    expect(log).not.toContain('slot 1');
    clock.advance(DEADLINE_MS * 4);
    expect(log).not.toContain('slot 1');
    expect(answer(answerOf(1, { detections: [person([0, 0, 1, 1])] }))).toBeUndefined();
    expect([results.length, inFlight.busy]).toEqual([1, false]);
    expect(inFlight.report()).toMatchObject({ discarded_answers: 1, results: { ok: 0, timeout: 1 }, detections: {} });
    // The next one has a deadline of its own.
    send();
    clock.advance(DEADLINE_MS - 1);
    expect(results).toHaveLength(1);
    answer(answerOf(2));
    expect(results.map((r) => r.status)).toEqual(['timeout', 'ok']);
  });

  test('the deadline, then the worker is gone: nothing more is reported', () => {
    send();
    clock.advance(DEADLINE_MS);
    gone({ code: 'hung', message: 'gave no sign' });
    expect([results.length, inFlight.busy, inFlight.report().discarded_answers]).toEqual([1, false, 0]);
    expect(log.at(-1)).toBe('slot 1');
  });

  test.each([
    ['exited', 'unavailable', 'worker_gone'],
    ['hung', 'unavailable', 'worker_gone'],
    ['protocol_error', 'error', 'protocol_error'],
  ] as const)('gone (%s): %s, %s', (code, status, told) => {
    send();
    gone({ code, message: 'did this' });
    expect(results).toMatchObject([{ status, error: { code: told, message: 'worker falls did this' } }]);
    expect(inFlight.busy).toBe(false);
    // Again, without a picture.
    gone({ code, message: 'did this' });
    clock.advance(DEADLINE_MS);
  });

  test('ended before it was rendered, and after', () => {
    const failed = { status: 'error', code: 'render', message: 'no free slot' } as const;
    const flight = begin();
    inFlight.end(failed);
    expect([inFlight.busy, inFlight.isOpen(flight)]).toEqual([false, false]);
    begin();
    render();
    inFlight.end(failed);
    inFlight.end(failed);
    expect(results).toMatchObject([
      { status: 'error', error: { code: 'render', message: 'no free slot' }, hops_ms: { rendered: null, sent: null } },
      { status: 'error', error: { code: 'render' }, hops_ms: { rendered: 0, sent: null } },
    ]);
  });

  test('closed: settled with the reason; later answers belong to no picture', () => {
    send();
    inFlight.close();
    inFlight.close();
    expect(results).toMatchObject([{ status: 'unavailable', error: { code: 'closed' } }]);
    expect(answer(answerOf(1))).toBe('a result for frame 1 while none was out');
    clock.advance(DEADLINE_MS * 2);
    expect(results).toHaveLength(1);
  });

  test('closed after the deadline: nothing more is reported', () => {
    send();
    clock.advance(DEADLINE_MS);
    inFlight.close();
    expect(results).toMatchObject([{ status: 'timeout' }]);
  });
});

describe('what is released, and when', () => {
  test('a picture that is not kept: when it is sent; its slot: after the answer', () => {
    send();
    expect(log).toEqual(['rendered 1', 'picture freed']);
    answer(answerOf(1));
    expect(log).toEqual(['rendered 1', 'picture freed', 'settled', 'result 1 ok', 'slot 1']);
    expect(kept).toEqual([undefined]);
  });

  test('a kept picture: after its result, which receives it', () => {
    const { picture } = send(true);
    expect(log).toEqual(['rendered 1']);
    answer(answerOf(1));
    expect(log).toEqual(['rendered 1', 'settled', 'result 1 ok', 'picture freed', 'slot 1']);
    expect(kept).toEqual([picture]);
  });

  test('kept, and the deadline: the picture then, the slot with the answer', () => {
    send(true);
    clock.advance(DEADLINE_MS);
    expect(log).toEqual(['rendered 1', 'settled', 'result 1 timeout', 'picture freed']);
    answer(answerOf(1));
    expect(log.at(-1)).toBe('slot 1');
  });

  test.each([true, false])('never sent (kept: %s): with its result', (keep) => {
    begin(keep);
    render();
    gone({ code: 'exited', message: 'exited with code 1' });
    expect(log).toEqual(['rendered 1', 'settled', 'result 1 unavailable', 'picture freed', 'slot 1']);
  });
});

describe('the worker’s answer', () => {
  test('boxes are mapped back through letterbox and region to the whole picture', () => {
    send();
    // x: 25 of 100 are 75 of 300 pixels, from 300 on. y: line 40 is 10 of 40, so 30 of 120 pixels, from 60 on.
    answer(answerOf(1, { detections: [person([0.25, 0.4, 0.75, 0.5])] }));
    const [found] = results[0]?.detections ?? [];
    expect(found).toMatchObject({ class_id: 0, class_name: 'person', confidence: 0.9 });
    expect(found?.bbox.map((edge) => Math.round(edge * 1e9) / 1e9)).toEqual([0.625, 0.3, 0.875, 0.4]);
  });

  test('data is passed on, null too; it is absent if the answer has none', () => {
    for (const data of [{ still_s: 61 }, null, undefined]) {
      send();
      answer(answerOf(seq, data === undefined ? {} : { data }));
    }
    expect(results.map((r) => [r.status, r.data, 'data' in r])).toEqual([
      ['ok', { still_s: 61 }, true],
      ['ok', null, true],
      ['ok', undefined, false],
    ]);
  });

  test('an error as text, or with its own code; null is no error', () => {
    for (const error of ['no bed in sight', { code: 'no_bed', message: 'none in sight' }, null]) {
      send();
      // What it found besides an error is not passed on.
      answer(answerOf(seq, { error, detections: [person([0, 0, 1, 1])], data: 1 }));
    }
    expect(results).toMatchObject([
      { status: 'error', detections: null, error: { code: 'worker_error', message: 'no bed in sight' } },
      { status: 'error', detections: null, error: { code: 'no_bed', message: 'none in sight' } },
      { status: 'ok', data: 1, error: null },
    ]);
    expect('data' in (results[0] ?? {})).toBe(false);
  });

  test('the report counts all of it', () => {
    send();
    answer(answerOf(1, { detections: [person([0, 0, 1, 1]), person([0, 0, 0.5, 0.5])] }));
    send();
    answer(answerOf(2, { error: 'no' }));
    send();
    clock.advance(DEADLINE_MS);
    answer(answerOf(3));
    send();
    gone({ code: 'exited', message: 'exited with code 1' });
    begin();
    inFlight.end({ status: 'expired', code: 'frame_expired', message: 'gone' });
    send();
    expect(inFlight.report()).toEqual({
      in_flight: 1,
      discarded_answers: 1,
      results: { ok: 1, error: 1, timeout: 1, unavailable: 1, expired: 1 },
      detections: { person: 2 },
      results_with: { person: 1 },
    });
  });
});

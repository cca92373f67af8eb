import { FakeClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import fc from 'fast-check';
import type { Frame } from 'node-av/lib';
import { beforeEach, describe, expect, test } from 'vitest';
import { geometryOf, WHOLE } from '#core/media';
import { Picture } from '#core/media/libav';
import type { Flight } from './flight.ts';
import { InFlight } from './in-flight.ts';
import type { Outcome } from './result-message.ts';

const DEADLINE_MS = 500;
const GEOMETRY = geometryOf(600, 300, WHOLE, { width: 100, height: 100, fit: 'stretch', format: 'RGB24' });
const OK: Outcome = { status: 'ok', detections: [] };
const FAILED: Outcome = { status: 'error', code: 'render', message: 'no free slot' };

/** A consumer with its results and the resources it owes. */
class Stage {
  readonly clock = new FakeClock();
  readonly results: ResultMessage[] = [];
  /** References to pictures, leases, and settlements that are owed. */
  readonly owed = { pictures: 0, pixels: 0, settlements: 0 };
  readonly inFlight: InFlight;
  taken = 0;
  onPicture: (picture: Picture | undefined) => void = () => undefined;

  /** @param afterDeadline What the consumer does with a picture that timed out. */
  constructor(afterDeadline: 'settle' | 'end') {
    this.inFlight = new InFlight({
      subject: { node: 'n', boot: 'b', camera: 'hall', consumer: 'people', model: 'm' },
      sla: 'normal',
      deadlineMs: DEADLINE_MS,
      clock: this.clock,
      onResult: (result, picture) => {
        this.results.push(result);
        this.onPicture(picture);
      },
      onDeadline: (timeout) => this.inFlight[afterDeadline](timeout),
    });
  }

  picture(): Picture {
    const at = this.clock.nowMs();
    const stamps = { capturedMs: at, capturedWallMs: 0, hiddenMs: 0, arrivedMs: at, decodedMs: at, ptsUs: 0 };
    const picture = new Picture({ width: 600, height: 300 } as Frame, stamps, () => (this.owed.pictures -= 1));
    this.owed.pictures += 1;
    return picture;
  }

  begin(kept = false): Flight {
    const picture = this.picture();
    this.taken += 1;
    picture.seq = this.taken;
    this.owed.settlements += 1;
    return this.inFlight.begin(picture, kept, { settle: () => (this.owed.settlements -= 1) });
  }

  render(): void {
    this.owed.pixels += 1;
    this.inFlight.rendered(GEOMETRY, { release: () => (this.owed.pixels -= 1) });
  }

  send(kept = false): Flight {
    const flight = this.begin(kept);
    this.render();
    this.inFlight.sent();
    return flight;
  }
}

describe('a consumer that has finished with the pixels at the deadline', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage('end');
  });

  test('is free at once, and the late answer is discarded and counted', () => {
    const late = stage.send();
    stage.clock.advance(DEADLINE_MS);
    expect([stage.inFlight.busy, stage.owed]).toEqual([false, { pictures: 0, pixels: 0, settlements: 0 }]);
    const next = stage.send();
    stage.inFlight.answered(late, OK);
    expect([stage.inFlight.isOpen(next), stage.owed.pixels]).toEqual([true, 1]);
    stage.inFlight.answered(next, OK);
    expect(stage.results.map((r) => r.status)).toEqual(['timeout', 'ok']);
    expect(stage.inFlight.report()).toMatchObject({ in_flight: 0, discarded_answers: 1 });
  });
});

test('an answer that costs too much is an error, counted as one, and none of it is mapped', () => {
  const stage = new Stage('end');
  const detection = {
    class_id: 0,
    class_name: 'x',
    confidence: 1,
    bbox: [0, 0, 1, 1] as [number, number, number, number],
  };
  const detections = Array.from({ length: 10_000 }, () => ({
    ...detection,
    mask: { width: 256, height: 256, counts: [0, 65_536] },
  }));
  const beganMs = process.cpuUsage().user;
  for (let n = 0; n < 20; n += 1) {
    stage.inFlight.answered(stage.send(), { status: 'ok', detections });
    stage.clock.advance(50);
  }
  // A second of such answers. Mapping all of their masks took 700 ms.
  expect((process.cpuUsage().user - beganMs) / 1000).toBeLessThan(350);
  expect(stage.inFlight.report().results).toMatchObject({ ok: 0, error: 20 });
  expect(stage.results[0]?.error).toMatchObject({
    code: 'too_much',
    message: expect.stringContaining('10000 detections'),
  });
  stage.inFlight.answered(stage.send(), { status: 'ok', detections: [detection] });
  expect([stage.results.at(-1)?.status, stage.owed.pixels]).toEqual(['ok', 0]);
});

describe('a consumer that still reads the pixels after the deadline', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage('settle');
  });

  test('is free with its late answer, which is discarded and counted', () => {
    const late = stage.send();
    stage.clock.advance(DEADLINE_MS);
    expect([stage.inFlight.busy, stage.owed]).toEqual([true, { pictures: 0, pixels: 1, settlements: 0 }]);
    expect(stage.inFlight.sentForMs).toBe(DEADLINE_MS);
    stage.inFlight.answered(late, OK);
    expect([stage.inFlight.busy, stage.owed.pixels, stage.inFlight.sentForMs]).toEqual([false, 0, undefined]);
    expect(stage.inFlight.report()).toMatchObject({
      in_flight: 0,
      discarded_answers: 1,
      results: { timeout: 1, ok: 0 },
    });
  });
});

test('a second picture is refused while one is in flight, and stays with the caller', () => {
  const stage = new Stage('settle');
  stage.send();
  const second = stage.picture();
  expect(() => stage.inFlight.begin(second, false)).toThrow(expect.objectContaining({ code: 'internal' }));
  second.release();
  stage.clock.advance(DEADLINE_MS);
  const third = stage.picture();
  expect(() => stage.inFlight.begin(third, false)).toThrow('still in flight');
  third.release();
  stage.inFlight.close();
  expect(stage.owed).toEqual({ pictures: 0, pixels: 0, settlements: 0 });
});

test('a receiver that throws keeps neither picture nor pixels', () => {
  const stage = new Stage('end');
  stage.results.push = () => {
    throw new Error('a sink failed');
  };
  const flight = stage.send(true);
  expect(() => stage.inFlight.answered(flight, OK)).toThrow('a sink failed');
  expect([stage.inFlight.busy, stage.owed]).toEqual([false, { pictures: 0, pixels: 0, settlements: 0 }]);
});

test('a receiver that closes the consumer releases nothing twice', () => {
  const stage = new Stage('end');
  stage.results.push = () => {
    stage.inFlight.close();
    return 1;
  };
  stage.inFlight.answered(stage.send(true), OK);
  expect([stage.inFlight.busy, stage.owed]).toEqual([false, { pictures: 0, pixels: 0, settlements: 0 }]);
});

test('a picture that is not kept is released when it is sent, and never passed on', () => {
  const stage = new Stage('end');
  const seen: (Picture | undefined)[] = [];
  stage.onPicture = (picture) => seen.push(picture);
  stage.send();
  expect(stage.owed.pictures).toBe(0);
  stage.inFlight.end(FAILED);
  stage.begin();
  stage.inFlight.end(FAILED);
  const { picture } = stage.begin(true);
  stage.inFlight.end(FAILED);
  expect(seen).toEqual([undefined, undefined, picture]);
});

test('the deadline of an answered picture is not that of the next one', () => {
  const stage = new Stage('end');
  const first = stage.send();
  stage.clock.advance(DEADLINE_MS - 1);
  stage.inFlight.answered(first, OK);
  stage.begin();
  stage.clock.advance(DEADLINE_MS);
  expect(stage.results.map((r) => r.status)).toEqual(['ok']);
  stage.inFlight.close();
});

test('an ok result without a rendition is an internal error', () => {
  const stage = new Stage('end');
  const flight = stage.begin();
  expect(() => stage.inFlight.answered(flight, { status: 'ok', detections: [{ class_id: 0 } as never] })).toThrow(
    'without a rendition',
  );
  expect([stage.inFlight.busy, stage.owed.pictures]).toEqual([false, 0]);
});

test('in any order of events each picture gets one result, and everything is released once', () => {
  const step = fc.constantFrom('begin', 'keep', 'render', 'send', 'answer', 'answer late', 'fail', 'settle', 'wait');
  fc.assert(
    fc.property(
      fc.constantFrom('settle' as const, 'end' as const),
      fc.array(step, { maxLength: 40 }),
      (after, steps) => {
        const stage = new Stage(after);
        const { inFlight } = stage;
        const flights: Flight[] = [];
        for (const s of steps) {
          const { current } = inFlight;
          const open = current && inFlight.isOpen(current);
          if (s === 'begin' || s === 'keep') {
            if (!inFlight.busy) flights.push(stage.begin(s === 'keep'));
          } else if (s === 'render') {
            if (open && current.renderedMs === undefined) stage.render();
          } else if (s === 'send') {
            if (open && current.renderedMs !== undefined && current.sentMs === undefined) inFlight.sent();
          } else if (s === 'answer') {
            if (current?.sentMs !== undefined) inFlight.answered(current, OK);
          } else if (s === 'answer late') {
            const late = flights.find((flight) => flight !== current);
            if (late) inFlight.answered(late, OK);
          } else if (s === 'fail') inFlight.end(FAILED);
          else if (s === 'settle') inFlight.settle(FAILED);
          else stage.clock.advance(DEADLINE_MS);
          expect(stage.results.length + inFlight.report().in_flight).toBe(stage.taken);
        }
        inFlight.close();
        inFlight.close();
        expect(stage.owed).toEqual({ pictures: 0, pixels: 0, settlements: 0 });
        expect(stage.results.map((r) => r.seq)).toEqual(Array.from({ length: stage.taken }, (_, i) => i + 1));
        expect(stage.clock.pendingTimers).toBe(0);
      },
    ),
  );
});

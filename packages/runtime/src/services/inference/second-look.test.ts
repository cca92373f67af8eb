import { FakeClock } from '@vigia/base';
import type { InferResponse } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { beforeEach, expect, test } from 'vitest';
import { Picture } from '#core/media/libav';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Answer, Grant, InferBody } from './container-client.ts';
import type { ModelClient } from './model-consumer.ts';
import { SecondLook } from './second-look.ts';

const SQUARE = { x: 0.5, y: 0.5, side: 0.5 };
const GRANT: Answer<Grant> = { kind: 'answer', value: { id: 'g' } };

let clock: FakeClock;
let wants: ((answer: Answer<Grant>) => void)[];
let infers: { readonly body: InferBody; readonly settle: (answer: Answer<InferResponse>) => void }[];
let unwants: number;
let freed: number;
let leased: number;
let warned: number;
let found: unknown[];
let client: ModelClient & { ready: boolean };
let look: SecondLook;

function picture(): Picture {
  const stamps = { capturedMs: 0, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
  const one = new Picture({ width: 640, height: 480 } as Frame, stamps, () => (freed += 1));
  one.seq = 7;
  return one;
}

beforeEach(() => {
  clock = new FakeClock();
  [wants, infers, found] = [[], [], []];
  [unwants, freed, leased, warned] = [0, 0, 0, 0];
  client = {
    ready: true,
    why: '',
    breaker: new CircuitBreaker(clock, () => 0),
    start: () => undefined,
    want: (_consumer, settle) => void wants.push(settle),
    unwant: () => void (unwants += 1),
    infer: (body, settle) => void infers.push({ body, settle }),
  };
  look = new SecondLook({
    camera: 'hall',
    consumer: 'people:look',
    model: 'm',
    client,
    clock,
    deadlineMs: 1_000,
    mostPerSecond: 3,
    leastScore: 0.2,
    onLost: () => (warned += 1),
    render: () => {
      leased += 1;
      const lease = { slot: 0, generation: 1, frameId: 7, retain: () => lease, release: () => (leased -= 1) };
      return { lease, geometry: {}, reference: '/dev/shm/x', metadata: { frame_id: 7 } } as never;
    },
  });
});

function ask(): void {
  const one = picture();
  look.look(one, SQUARE, 90, (boxes) => found.push(boxes));
  one.release();
}

function answer(more: object = {}): void {
  const value = { model_id: 'm', camera_id: 'hall', frame_id: 7, detections: [], ...more } as never;
  infers.shift()?.settle({ kind: 'answer', value });
}

test('waits for a turn, asks for faint ones, and gives boxes of the whole picture back', () => {
  ask();
  wants[0]?.(GRANT);
  expect(infers[0]?.body).toMatchObject({ grant: 'g', faint_from: 0.2, deadline_ms: 1_000 });
  expect([freed, leased]).toEqual([0, 1]);
  const person = { class_id: 0, class_name: 'person', confidence: 0.3, bbox: [0, 0, 1, 1] };
  answer({ faint: [person] });
  expect(found).toEqual([[{ ...person, bbox: [0.1875, 0.25, 0.5625, 0.75].map((one) => expect.closeTo(one)) }]]);
  expect([freed, leased]).toEqual([1, 0]);
  expect(look.counts).toEqual({ asked: 1, answered: 1, refused: 0, lost: 0, withdrawn: 0 });
});

test('every look is answered once: late, lost, about another frame, without a slot', () => {
  ask();
  clock.advance(1_000);
  expect(found).toEqual([undefined]);
  wants.shift()?.(GRANT);
  expect(unwants).toBe(1);
  ask();
  wants.shift()?.(GRANT);
  clock.advance(1_000);
  answer();
  expect(found).toEqual([undefined, undefined]);
  ask();
  wants.shift()?.({ kind: 'lost' });
  ask();
  wants.shift()?.(GRANT);
  answer({ frame_id: 8 });
  expect(found).toEqual([undefined, undefined, undefined, undefined]);
  expect([freed, leased]).toEqual([4, 0]);
  expect(look.counts).toEqual({ asked: 4, answered: 0, refused: 0, lost: 4, withdrawn: 0 });
  expect(warned).toBe(1);
});

test('refuses more than so many a second, and those of a model that is not ready', () => {
  for (let i = 0; i < 5; i += 1) {
    ask();
    wants.shift()?.(GRANT);
    answer();
  }
  expect(look.counts).toMatchObject({ answered: 3, refused: 2 });
  clock.advance(1_000);
  client.ready = false;
  ask();
  expect(look.counts).toMatchObject({ answered: 3, refused: 3 });
  expect([freed, leased, found.length]).toEqual([6, 0, 6]);
});

test('a newer look takes the place of the one that is out, with the same turn', () => {
  ask();
  ask();
  expect(wants).toHaveLength(1);
  wants[0]?.(GRANT);
  answer();
  look.close();
  expect(found).toEqual([undefined, []]);
  expect(look.counts).toMatchObject({ asked: 2, answered: 1, withdrawn: 1 });
  expect([freed, leased]).toEqual([2, 0]);
});

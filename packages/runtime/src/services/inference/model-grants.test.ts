import { FakeClock } from '@vigia/base';
import type { InferResponse, ResultMessage } from '@vigia/contracts';
import { FrameSupplier } from '@vigia/frame-supplier';
import type { Frame } from 'node-av/lib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { geometryOf, WHOLE } from '#core/media';
import { Picture } from '#core/media/libav';
import { CircuitBreaker, FAILURES_TO_OPEN } from './circuit-breaker.ts';
import type { Answer, Grant, InferBody } from './container-client.ts';
import { type ModelClient, ModelConsumer } from './model-consumer.ts';

const GRANT: Answer<Grant> = { kind: 'answer', value: { id: 'g' } };
const LOST = { kind: 'lost' } as const;
const WITHDRAWN = { kind: 'withdrawn' } as const;
const OVERLOADED = { kind: 'failed', error: { code: 'overloaded', message: 'too many' } } as const;
const FAILED = { kind: 'failed', error: { code: 'inference_failed', message: 'no' } } as const;

/** A connection to a container that answers when the test calls it. */
class FakeClient implements ModelClient {
  ready = true;
  readonly why = 'it went away';
  readonly breaker: CircuitBreaker;
  readonly wants: ((answer: Answer<Grant>) => void)[] = [];
  readonly infers: { readonly body: InferBody; readonly settle: (answer: Answer<InferResponse>) => void }[] = [];
  /** Under which names turns were asked for and withdrawn. */
  readonly names = new Set<string>();
  unwants = 0;
  starts = 0;

  constructor(clock: FakeClock) {
    this.breaker = new CircuitBreaker(clock, () => 0);
  }

  start(): void {
    this.starts += 1;
  }

  want(consumer: string, settle: (answer: Answer<Grant>) => void): void {
    this.names.add(consumer);
    if (this.ready) this.wants.push(settle);
    else settle(LOST);
  }

  unwant(consumer: string): void {
    this.names.add(consumer);
    this.unwants += 1;
  }

  infer(body: InferBody, settle: (answer: Answer<InferResponse>) => void): void {
    this.infers.push({ body, settle });
  }

  /** Answers the oldest open `want`. */
  grant(answer: Answer<Grant> = GRANT): void {
    this.wants.shift()?.(answer);
  }

  /** Answers the oldest open `infer`: with no detections, or as given. */
  answer(answer?: Answer<InferResponse>): void {
    const { body, settle } = this.infers.shift() as FakeClient['infers'][number];
    const { frame_id } = body.frame_metadata;
    settle(
      answer ?? { kind: 'answer', value: { model_id: 'm', camera_id: 'hall', frame_id, detections: [] } as never },
    );
  }
}

let clock: FakeClock;
let supplier: FrameSupplier<Picture>;
let client: FakeClient;
let consumer: ModelConsumer;
let results: ResultMessage[];
let owed: { pictures: number; slots: number };
let noSlot: boolean;

beforeEach(() => {
  clock = new FakeClock();
  supplier = new FrameSupplier<Picture>({ clock, sourceIntervalMs: () => 100 });
  supplier.start();
  client = new FakeClient(clock);
  results = [];
  owed = { pictures: 0, slots: 0 };
  noSlot = false;
  consumer = new ModelConsumer({
    node: 'n',
    boot: 'b',
    camera: 'hall',
    consumer: 'people',
    inLine: 'people:2',
    model: 'm',
    sla: 'normal',
    fps: undefined,
    deadlineMs: 500,
    clock,
    supplier,
    client,
    render: (picture) => (noSlot ? undefined : rendered(picture)),
    onResult: (result) => results.push(result),
    keepPicture: () => false,
  });
});

afterEach(async () => {
  await consumer.close();
  supplier.stop();
  expect(owed).toEqual({ pictures: 0, slots: 0 });
  // One that was switched off and on again may still have a turn under its earlier name: results have neither.
  expect([...client.names].filter((name) => name !== 'people:2')).toEqual([]);
  expect(results.filter((result) => result.consumer !== 'people')).toEqual([]);
  const { published, delivered, pending, dropped, in_flight, results: r } = consumer.report();
  expect(published).toBe(delivered + dropped.gated + dropped.overwritten + dropped.stale + dropped.closed + pending);
  expect(delivered).toBe(r.ok + r.expired + r.timeout + r.unavailable + r.error + in_flight);
});

function rendered(picture: Picture): ReturnType<ConstructorParameters<typeof ModelConsumer>[0]['render']> {
  owed.slots += 1;
  const lease = {
    slot: 0,
    generation: 2,
    frameId: picture.seq,
    retain: () => lease,
    release: () => void (owed.slots -= 1),
  };
  return {
    lease,
    geometry: geometryOf(600, 300, WHOLE, { width: 300, height: 300, fit: 'stretch', format: 'RGB24' }),
    reference: '/dev/shm/x',
    metadata: { frame_id: picture.seq, width: 300, height: 300, format: 'RGB24' },
  };
}

/** Publishes a picture and lets the consumer see it. */
async function publish(ageMs = 0): Promise<void> {
  const at = clock.nowMs() - ageMs;
  const stamps = { capturedMs: at, capturedWallMs: 0, hiddenMs: 0, arrivedMs: at, decodedMs: at, ptsUs: 0 };
  owed.pictures += 1;
  supplier.publish(new Picture({ width: 600, height: 300 } as Frame, stamps, () => (owed.pictures -= 1)));
  await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const codes = (): string[] => results.map(({ seq, status, error }) => `${seq} ${error?.code ?? status}`);

/** So many requests fail, the last of which opens the circuit. */
function openCircuit(): void {
  for (let i = 0; i < FAILURES_TO_OPEN; i += 1) client.breaker.record('failure', client.breaker.began());
}

/** Publishes and is granted a place: one request is out. */
async function ask(): Promise<void> {
  await publish();
  client.grant();
}

test('a granted picture is rendered, sent and answered; the next one asks after it', async () => {
  await ask();
  expect([client.infers.length, owed.slots, consumer.report().in_flight]).toEqual([1, 1, 1]);
  client.answer();
  expect([codes(), owed.slots]).toEqual([['1 ok'], 0]);
  await publish();
  expect(client.wants).toHaveLength(1);
});

test('a stale picture requests no grant', async () => {
  await publish(1_001);
  expect([client.wants.length, consumer.report().dropped.stale]).toEqual([0, 1]);
});

test('starting a consumer starts its client', () => {
  consumer.start();
  expect(client.starts).toBe(1);
});

describe('a want that is not granted', () => {
  test('lost: the due picture is settled as soon as the model is known to be gone', async () => {
    await publish();
    client.ready = false;
    client.grant(LOST);
    // Not from inside the client's call.
    expect(results).toEqual([]);
    await turn();
    expect(codes()).toEqual(['1 not_ready']);
    expect(results[0]).toMatchObject({ status: 'unavailable', hops_ms: { rendered: null, sent: null } });
  });

  test('lost, but the model is already back: the same picture asks again', async () => {
    await publish();
    client.grant(LOST);
    await turn();
    expect([results.length, client.wants.length]).toEqual([0, 1]);
    client.grant();
    client.answer();
    expect(codes()).toEqual(['1 ok']);
  });

  test('withdrawn: the picture stays, and the next one asks', async () => {
    await publish();
    client.grant(WITHDRAWN);
    await turn();
    expect([results.length, client.wants.length, consumer.report().pending]).toEqual([0, 0, 1]);
    await ask();
    client.answer();
    expect([codes(), consumer.report().dropped.overwritten]).toEqual([['2 ok'], 1]);
  });

  test('withdrawn by a container that stops: the picture asks the next container', async () => {
    await publish();
    client.grant(WITHDRAWN);
    client.ready = false;
    await turn();
    client.ready = true;
    consumer.containerReady();
    client.grant();
    client.answer();
    expect(codes()).toEqual(['1 ok']);
  });

  test('refused: the due picture is settled with the reason, unrendered', async () => {
    await publish();
    client.grant(OVERLOADED);
    expect(codes()).toEqual(['1 overloaded']);
    expect(results[0]).toMatchObject({ status: 'unavailable', hops_ms: { rendered: null } });
    await publish();
    expect(client.wants).toHaveLength(1);
  });

  test.each([
    ['lost', LOST],
    ['withdrawn', WITHDRAWN],
    ['refused', OVERLOADED],
  ])('%s: as the trial of an open circuit it makes room for the next trial', async (_, answer) => {
    openCircuit();
    clock.advance(1_000);
    await publish();
    expect([client.wants.length, client.breaker.allows()]).toEqual([1, false]);
    client.grant(answer);
    await turn();
    await publish();
    client.grant();
    client.answer();
    expect(codes().at(-1)).toBe('2 ok');
    expect(client.breaker.open).toBe(false);
  });
});

describe('an unused grant is returned', () => {
  test('the picture went stale', async () => {
    openCircuit();
    clock.advance(1_000);
    await publish();
    clock.advance(1_001);
    client.grant();
    expect([client.unwants, client.infers.length, consumer.report().dropped.stale]).toEqual([1, 0, 1]);
    // And the trial with it.
    expect(client.breaker.allows()).toBe(true);
  });

  test('the circuit has opened meanwhile: the due picture is settled', async () => {
    await publish();
    openCircuit();
    client.grant();
    expect([client.unwants, client.infers.length]).toEqual([1, 0]);
    await turn();
    expect(codes()).toEqual(['1 circuit_open']);
  });

  test('the circuit has opened meanwhile, so the want was withdrawn: nothing is returned', async () => {
    await publish();
    openCircuit();
    client.grant(WITHDRAWN);
    await turn();
    expect([client.unwants, codes()]).toEqual([0, ['1 circuit_open']]);
  });

  test('the consumer is closed', async () => {
    await publish();
    await consumer.close();
    client.grant();
    await turn();
    expect([client.unwants, client.infers.length, results.length]).toEqual([1, 0, 0]);
    expect(consumer.report().dropped.closed).toBe(1);
  });

  test('no slot is free: an internal error, neutral for the model', async () => {
    noSlot = true;
    for (let i = 0; i < FAILURES_TO_OPEN + 1; i += 1) await ask();
    expect(codes()).toEqual(Array.from({ length: FAILURES_TO_OPEN + 1 }, (_, i) => `${i + 1} render`));
    expect([client.unwants, client.breaker.open]).toEqual([FAILURES_TO_OPEN + 1, false]);
  });

  test('no slot is free for a trial: there is room for the next trial', async () => {
    openCircuit();
    clock.advance(1_000);
    noSlot = true;
    await ask();
    expect([codes(), client.breaker.open, client.breaker.allows()]).toEqual([['1 render'], true, true]);
  });

  test('one picture is in flight: the container breaks the protocol', async () => {
    await ask();
    await publish();
    client.grant();
    expect([client.unwants, client.infers.length, consumer.report().pending]).toEqual([1, 1, 1]);
    client.answer();
    expect([codes(), client.wants.length]).toEqual([['1 ok'], 1]);
  });
});

describe('while an answer is pending', () => {
  test('the next turn is requested once, and its grant takes the newest picture', async () => {
    await ask();
    await publish();
    await publish();
    expect(client.wants).toHaveLength(1);
    client.answer();
    client.grant();
    client.answer();
    expect(codes()).toEqual(['1 ok', '3 ok']);
  });

  test('a refusal of the next turn settles nothing', async () => {
    await ask();
    await publish();
    client.grant(OVERLOADED);
    expect([results.length, consumer.report().pending]).toEqual([0, 1]);
  });

  test('no turn is requested while the model is gone or the circuit is open', async () => {
    await ask();
    client.ready = false;
    await publish();
    client.ready = true;
    openCircuit();
    await publish();
    expect([client.wants.length, results.length]).toEqual([0, 0]);
    client.answer();
    expect(codes()).toEqual(['1 ok', '3 circuit_open']);
  });

  test('the failure that opens the circuit withdraws the next turn', async () => {
    for (let i = 1; i < FAILURES_TO_OPEN; i += 1) client.breaker.record('failure', client.breaker.began());
    await ask();
    await publish();
    client.answer(FAILED);
    expect([client.unwants, client.breaker.open]).toEqual([1, true]);
    client.grant(WITHDRAWN);
    await turn();
    expect(codes()).toEqual(['1 inference_failed', '2 circuit_open']);
  });
});

describe('no answer within the deadline', () => {
  test('the consumer is free at once and asks for the pending picture; the late answer is discarded', async () => {
    await ask();
    const late = client.infers.shift();
    clock.advance(400);
    await publish();
    client.grant(WITHDRAWN);
    clock.advance(100);
    expect([codes(), owed.slots, client.wants.length]).toEqual([['1 deadline_exceeded'], 0, 1]);
    late?.settle({ kind: 'answer', value: { model_id: 'm', camera_id: 'hall', frame_id: 1, detections: [] } as never });
    expect([codes().length, consumer.report().discarded_answers]).toEqual([1, 1]);
    late?.settle(LOST);
    expect(consumer.report().discarded_answers).toBe(1);
  });

  test('is a failure of the model', async () => {
    for (let i = 0; i < FAILURES_TO_OPEN; i += 1) {
      await ask();
      clock.advance(500);
    }
    expect(client.breaker.open).toBe(true);
  });
});

test('another rate, and back to the configured one', async () => {
  consumer.pace(1);
  await ask();
  client.answer();
  clock.advance(100);
  await publish();
  expect(client.wants).toHaveLength(0);
  consumer.pace(undefined);
  expect(client.wants).toHaveLength(1);
});

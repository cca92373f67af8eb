import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, encodeJson, FakeClock, FrameDecoder, systemClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import { FrameSupplier } from '@vigia/frame-supplier';
import type { Frame } from 'node-av/lib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { geometryOf, WHOLE } from '#core/media';
import { Picture } from '#core/media/libav';
import { FAILURES_TO_OPEN } from './circuit-breaker.ts';
import { ContainerClient } from './container-client.ts';
import { ModelConsumer } from './model-consumer.ts';

// A container that answers as the test says: real socket, real framing. The system tests use the real one.
type Message = Record<string, unknown>;
type Answerer = (message: Message, reply: (answer: Message) => void, socket: Socket) => void;

const socketPath = join(tmpdir(), `vigia-test-container-${process.pid}.sock`);
const SPEC = { width: 300, height: 300, fit: 'stretch' as const, format: 'RGB24' as const };
let server: Server;
let answer: Answerer;
let sockets: Socket[];
let clock: FakeClock;
let supplier: FrameSupplier<Picture>;
let client: ContainerClient;
let consumer: ModelConsumer;
let results: ResultMessage[];
let leased: number;
let live: number;
let wake: () => void;

/** A picture without pixels: a consumer only passes it on. */
function picture(): Picture {
  live += 1;
  const at = clock.nowMs();
  const stamps = {
    capturedMs: at,
    capturedWallMs: clock.wallMs(),
    hiddenMs: 0,
    arrivedMs: at,
    decodedMs: at,
    ptsUs: 0,
  };
  return new Picture({ width: 600, height: 300 } as Frame, stamps, () => (live -= 1));
}

beforeEach(async () => {
  sockets = [];
  results = [];
  leased = 0;
  live = 0;
  wake = () => undefined;
  clock = new FakeClock();
  answer = granting(() => ({ detections: [] }));
  server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new FrameDecoder(1 << 20);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const reply = (message: Message): void => void socket.write(encodeJson(message));
      for (const payload of decoder.push(chunk)) {
        const message = JSON.parse(payload.toString()) as Message;
        if (!introduced(message, reply)) answer(message, reply, socket);
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
});

afterEach(async () => {
  await consumer.close();
  client.close();
  supplier.stop();
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  rmSync(socketPath, { force: true });
  // After every test all slots and pictures must have been released.
  expect([leased, live]).toEqual([0, 0]);
});

/** Answers what every client asks first. */
function introduced({ op, request_id }: Message, reply: (answer: Message) => void): boolean {
  if (op === 'describe') {
    const input = { width: 300, height: 300, formats: ['RGB24'], fit: 'stretch' };
    const facts = { model_id: 'm', model_version: '1', task: 'detection', classes: ['person'], max_batch: 1 };
    reply({ request_id, protocol: 1, ...facts, input, providers: ['cpu'], error: null });
  } else if (op === 'health') {
    const counters = { requests: 0, ok: 0, errors: 0, batches: 0, grants: 0, grants_expired: 0 };
    const inference_ms = { p50: 0, p99: 0 };
    reply({ request_id, state: 'ready', uptime_ms: 1, counters, inference_ms, last_error: null, error: null });
  }
  return op === 'describe' || op === 'health';
}

/** Grants at once and answers `infer` with what `infer` says. */
function granting(infer: (message: Message) => Message): Answerer {
  return (message, reply) => {
    const { request_id, model_id, camera_id } = message;
    if (message['op'] === 'want') reply({ request_id, grant: { id: 'g1', expires_ms: 100 }, error: null });
    else if (message['op'] === undefined) {
      const { frame_id } = message['frame_metadata'] as Message;
      reply({ request_id, model_id, camera_id, frame_id, error: null, detections: null, ...infer(message) });
    }
  };
}

async function start(): Promise<void> {
  const ready = new Promise<void>((resolve) => {
    client = new ContainerClient({
      socketPath,
      model: 'm',
      camera: 'hall',
      input: { width: 300, height: 300 },
      clock: systemClock,
      log: createLog('test', () => undefined),
      onReady: resolve,
    });
  });
  supplier = new FrameSupplier<Picture>({ clock, sourceIntervalMs: () => 100 });
  supplier.start();
  consumer = new ModelConsumer({
    node: 'n',
    boot: 'b',
    camera: 'hall',
    consumer: 'people',
    inLine: 'people',
    model: 'm',
    sla: 'normal',
    fps: undefined,
    deadlineMs: 500,
    clock,
    supplier,
    client,
    render: (p) => {
      leased += 1;
      const lease = { slot: 0, generation: 2, frameId: p.seq, retain: () => lease, release: () => void (leased -= 1) };
      return {
        lease,
        geometry: geometryOf(p.width, p.height, WHOLE, SPEC),
        reference: '/dev/shm/x',
        metadata: { frame_id: p.seq, width: 300, height: 300, format: 'RGB24' },
      };
    },
    onResult: (result) => {
      results.push(result);
      wake();
    },
    keepPicture: () => false,
  });
  client.start();
  await ready;
}

async function resultsUntil(count: number): Promise<void> {
  while (results.length < count) await new Promise<void>((resolve) => (wake = resolve));
}

function balanced(): void {
  const { published, delivered, pending, dropped, in_flight, results: r } = consumer.report();
  expect(published).toBe(delivered + dropped.gated + dropped.overwritten + dropped.stale + dropped.closed + pending);
  expect(delivered).toBe(r.ok + r.expired + r.timeout + r.unavailable + r.error + in_flight);
}

describe('a picture becomes exactly one typed result', () => {
  test('ok: boxes come back in the whole picture, an empty list means no detection', async () => {
    answer = granting(() => ({
      detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.25, 0.5, 0.5, 1] }],
    }));
    await start();
    supplier.publish(picture());
    await resultsUntil(1);
    expect(results[0]).toMatchObject({
      status: 'ok',
      seq: 1,
      error: null,
      detections: [{ bbox: [0.25, 0.5, 0.5, 1] }],
    });
    answer = granting(() => ({ detections: [] }));
    supplier.publish(picture());
    await resultsUntil(2);
    expect(results[1]).toMatchObject({ status: 'ok', detections: [] });
    expect(consumer.report()).toMatchObject({ detections: { person: 1 }, results_with: { person: 1 } });
    balanced();
  });

  test.each([
    ['frame_expired', 'expired'],
    ['grant_expired', 'expired'],
    ['deadline_exceeded', 'timeout'],
    ['overloaded', 'unavailable'],
    ['inference_failed', 'error'],
    ['frame_invalid', 'error'],
  ])('error code %s → %s, never an empty list', async (code, status) => {
    answer = granting(() => ({ error: { code, message: 'because' } }));
    await start();
    supplier.publish(picture());
    await resultsUntil(1);
    expect(results[0]).toMatchObject({ status, detections: null, error: { code } });
    balanced();
  });

  test.each([
    ['another frame', { frame_id: 99, detections: [] }, 'wrong_frame'],
    ['another camera', { camera_id: 'yard', detections: [] }, 'wrong_camera'],
    ['another model', { model_id: 'other', detections: [] }, 'wrong_model'],
    ['no detections and no error', { detections: null }, 'inference_failed'],
    [
      'boxes that are no boxes',
      { detections: [{ class_id: 0, class_name: 'x', confidence: 2, bbox: [0, 0, 1] }] },
      'inference_failed',
    ],
    ['an error that is none', { error: 'broken' }, 'inference_failed'],
  ])('a container that answers %s is an error', async (_name, reply, code) => {
    answer = granting(() => reply);
    await start();
    supplier.publish(picture());
    await resultsUntil(1);
    expect(results[0]).toMatchObject({ status: 'error', detections: null, error: { code } });
    balanced();
  });

  test('no answer within the deadline is a timeout; the late answer is discarded and counted', async () => {
    let late: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      answer = (message, reply) => {
        if (message['op'] === 'want')
          reply({ request_id: message['request_id'], grant: { id: 'g', expires_ms: 100 }, error: null });
        else {
          late = () =>
            reply({
              request_id: message['request_id'],
              model_id: 'm',
              camera_id: 'hall',
              frame_id: 1,
              detections: [],
              error: null,
            });
          resolve();
        }
      };
    });
    await start();
    supplier.publish(picture());
    await asked;
    clock.advance(499);
    expect(results).toEqual([]);
    clock.advance(1);
    expect(results[0]).toMatchObject({ status: 'timeout', detections: null });
    answer = granting(() => ({ detections: [] }));
    late?.();
    supplier.publish(picture());
    await resultsUntil(2);
    expect(results[1]?.status).toBe('ok');
    expect(consumer.report().discarded_answers).toBe(1);
    balanced();
  });

  test('a connection that breaks in flight is unavailable; each picture that is due meanwhile is settled', async () => {
    answer = (message, reply, socket) => {
      if (message['op'] === 'want')
        reply({ request_id: message['request_id'], grant: { id: 'g', expires_ms: 100 }, error: null });
      else socket.destroy();
    };
    await start();
    supplier.publish(picture());
    await resultsUntil(1);
    expect(results[0]).toMatchObject({ status: 'unavailable', error: { code: 'connection_lost' } });
    supplier.publish(picture());
    await resultsUntil(2);
    expect(results[1]).toMatchObject({
      status: 'unavailable',
      error: { code: 'not_ready' },
      hops_ms: { rendered: null, sent: null },
    });
    balanced();
  });

  test('a model that keeps failing gets five requests, even if the next turn was requested in advance', async () => {
    let infers = 0;
    let failing: (() => void) | undefined;
    let waiting: Message['request_id'];
    answer = (message, reply) => {
      const { op, request_id, model_id, camera_id } = message;
      const granted = (id: unknown, grant: object | null): void => reply({ request_id: id, grant, error: null });
      if (op === 'unwant') granted(waiting, null);
      else if (op === 'want' && !failing) granted(request_id, { id: 'g', expires_ms: 100 });
      else if (op === 'want') {
        // The answer goes out before the grant, as from a container.
        waiting = request_id;
        failing?.();
        failing = undefined;
        granted(request_id, { id: 'g', expires_ms: 100 });
      } else {
        infers += 1;
        const { frame_id } = message['frame_metadata'] as Message;
        const error = { code: 'inference_failed', message: 'no' };
        failing = () => reply({ request_id, model_id, camera_id, frame_id, detections: null, error });
      }
    };
    await start();
    const publishUntil = async (count: number): Promise<void> => {
      while (results.filter((r) => r.error?.code === 'circuit_open').length < count) {
        supplier.publish(picture());
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    };
    await publishUntil(20);
    expect([infers, consumer.report().results.error]).toEqual([FAILURES_TO_OPEN, FAILURES_TO_OPEN]);
    balanced();
  });

  test('the picture is chosen on the grant, not on the request', async () => {
    const wants: (() => void)[] = [];
    const asked = new Promise<void>((resolve) => {
      answer = (message, reply) => {
        if (message['op'] === 'want') {
          wants.push(() =>
            reply({ request_id: message['request_id'], grant: { id: 'g', expires_ms: 100 }, error: null }),
          );
          resolve();
        } else if (message['op'] === undefined)
          granting(() => ({ detections: [] }))(message, reply, undefined as never);
      };
    });
    await start();
    for (let n = 0; n < 5; n += 1) {
      supplier.publish(picture());
      await Promise.resolve();
    }
    await asked;
    expect(wants).toHaveLength(1);
    wants[0]?.();
    await resultsUntil(1);
    expect(results[0]?.seq).toBe(5);
    expect(consumer.report().dropped.overwritten).toBe(4);
    balanced();
  });

  test('closing settles what is in flight as unavailable and what is pending as closed', async () => {
    const asked = new Promise<void>((resolve) => {
      answer = (message, reply) => {
        if (message['op'] === 'want')
          reply({ request_id: message['request_id'], grant: { id: 'g', expires_ms: 100 }, error: null });
        else resolve();
      };
    });
    await start();
    supplier.publish(picture());
    await asked;
    supplier.publish(picture());
    await Promise.resolve();
    await consumer.close();
    await consumer.close();
    expect(results.map((r) => r.status)).toEqual(['unavailable']);
    expect(consumer.report()).toMatchObject({ in_flight: 0, pending: 0, dropped: { closed: 1 } });
    balanced();
  });
});

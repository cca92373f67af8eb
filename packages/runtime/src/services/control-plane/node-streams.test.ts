import { createLog, FakeClock } from '@vigia/base';
import {
  type NodeEvent,
  type NodeItem,
  nowMessageSchema,
  type SummaryMessage,
  type TileHeader,
  tileHeaderSchema,
} from '@vigia/contracts';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ControlledCamera } from './controlled-node.ts';
import { NodeStreams } from './node-streams.ts';
import type { Outlet, StreamMessage } from './outlet.ts';
import type { ServedNode, StreamedNode } from './served-node.ts';
import { eventsOnly, everything } from './stream-formats.ts';

const idOf = (n: number): string => String(n).padStart(26, '0');
const eventItem = (n: number): NodeItem => ({
  type: 'event',
  event: { id: idOf(n), kind: 'node', severity: 'notice', camera: null } as NodeEvent,
});
const resultItem = { type: 'result', result: { camera: 'hall' } } as NodeItem;

const turn = async (): Promise<void> => {
  for (let i = 0; i < 500; i += 1) await Promise.resolve();
};

/** A node whose stream the test feeds, with the queue of a subscriber in front of it. */
class FakeNode {
  readonly stored: NodeEvent[] = [];
  readonly dropped = { samples: 0, kept: 0 };
  summaries: SummaryMessage[] = [];
  broken = false;
  closed = false;
  silentMs = 0;
  #handle: (item: NodeItem) => void | Promise<void> = () => undefined;
  #overflow: () => void = () => undefined;
  #work: Promise<unknown> = Promise.resolve();

  get streamed(): StreamedNode {
    const { silentMs } = this;
    return {
      cameraIds: [],
      get aliveMs() {
        return clock.nowMs() - silentMs;
      },
      position: idOf(this.stored.length),
      resumable: true,
      events: async ({ after = '', limit }) => {
        if (this.broken) throw new Error('the disk is gone');
        return this.stored.filter(({ id }) => id > after).slice(0, limit);
      },
      lastMinute: async () => {
        if (this.broken) throw new Error('no answer');
        return this.summaries;
      },
      follow: ({ wants, onOverflow }, handle) => {
        this.#handle = (item) => (wants(item) ? handle(item) : undefined);
        this.#overflow = onOverflow;
        return { close: () => (this.closed = true), dropped: () => ({ ...this.dropped }) };
      },
    };
  }

  store(n: number): void {
    const item = eventItem(n);
    if (item.type === 'event') this.stored.push(item.event);
  }

  offer(item: NodeItem): void {
    this.#work = this.#work.then(() => this.#handle(item));
  }

  overflow(): void {
    this.#overflow();
  }
}

/** A client that reads when the test lets it. */
class FakeClient implements Outlet {
  readonly got: StreamMessage[] = [];
  closed = false;
  reads = true;
  answers = true;
  /** Whether bytes may be added. */
  hasRoom = true;
  readonly pictures: Uint8Array[] = [];
  unanswered = 0;
  #room: (() => void)[] = [];
  #onClose: () => void = () => undefined;

  send(message: StreamMessage): Promise<void> | undefined {
    this.got.push(message);
    return this.reads ? undefined : new Promise((resolve) => this.#room.push(resolve));
  }

  sendBytes(bytes: Uint8Array): boolean {
    if (this.hasRoom) this.pictures.push(bytes);
    return this.hasRoom;
  }

  beat(): void {
    this.got.push({ event: 'beat', data: '' });
    if (!this.answers) this.unanswered += 1;
  }

  cut(): void {
    this.closed = true;
    this.read();
    this.#onClose();
  }

  onClose(closed: () => void): void {
    this.#onClose = closed;
  }

  read(): void {
    this.reads = true;
    for (const resolve of this.#room.splice(0)) resolve();
  }

  get ids(): (string | undefined)[] {
    return this.got.filter(({ event }) => event === 'node').map(({ id }) => id);
  }
}

let node: FakeNode;
let client: FakeClient;
let clock: FakeClock;
let streams: NodeStreams;
let logged: string[];
let allowed: boolean;
/** Cameras that give a picture at once; undefined: none. */
let cameras: Map<string, Pick<ControlledCamera, 'tile'>>;
const tile: ServedNode['tile'] = async (id, width) => {
  const camera = cameras.get(id);
  if (!camera) throw new Error('there is no such camera');
  return camera.tile(width);
};
beforeEach(() => {
  node = new FakeNode();
  client = new FakeClient();
  clock = new FakeClock();
  logged = [];
  allowed = true;
  cameras = new Map();
  streams = new NodeStreams({
    node: { tile },
    clock,
    log: createLog('test', ({ message }) => void logged.push(message)),
  });
});

/** A client that may read. */
const reader = () => ({ name: 'c', node: node.streamed, isStill: () => allowed });

const serveEvents = (after?: string): void => streams.serve(client, { ...reader(), after, ...eventsOnly() });

describe('events', () => {
  test('from now on: the position first, then what happens', async () => {
    node.store(1);
    serveEvents();
    node.store(2);
    node.offer(eventItem(2));
    await turn();
    expect(client.got[0]).toMatchObject({ id: idOf(1), event: 'position' });
    expect(client.ids).toEqual([idOf(2)]);
  });

  test('stored ones first, and none twice that is in the queue as well', async () => {
    for (let n = 1; n <= 3; n += 1) node.store(n);
    serveEvents(idOf(1));
    node.offer(eventItem(3));
    node.store(4);
    node.offer(eventItem(4));
    await turn();
    expect(client.ids).toEqual([2, 3, 4].map(idOf));
  });

  test('however the client reads and whatever its queue drops: each once, in order', async () => {
    const steps = fc.array(fc.constantFrom('happens', 'is dropped', 'reads', 'stops'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        node = new FakeNode();
        client = new FakeClient();
        new NodeStreams({ node: { tile }, clock, log: createLog('test', () => undefined) }).serve(client, {
          ...reader(),
          after: undefined,
          ...eventsOnly(),
        });
        let n = 0;
        for (const step of all) {
          if (step === 'reads') client.read();
          else if (step === 'stops') client.reads = false;
          else {
            n += 1;
            node.store(n);
            if (step === 'happens') node.offer(eventItem(n));
            else node.dropped.kept += 1;
          }
          await turn();
        }
        node.store(n + 1);
        node.offer(eventItem(n + 1));
        client.read();
        await turn();
        client.read();
        await turn();
        expect(client.ids).toEqual(Array.from({ length: n + 1 }, (_, i) => idOf(i + 1)));
      }),
      { numRuns: 100 },
    );
  });

  test('a store that fails ends the stream: it must not have a gap', async () => {
    node.broken = true;
    serveEvents(idOf(1));
    await turn();
    expect(client.closed).toBe(true);
    expect(logged).toEqual(['c was disconnected: the disk is gone']);
    expect(node.closed).toBe(true);
  });

  test('too many unread alarms, or half a minute without reading, end it', async () => {
    serveEvents();
    node.overflow();
    expect(logged).toEqual(['c was disconnected: it left too many alarms unread']);
    client = new FakeClient();
    serveEvents();
    client.reads = false;
    node.store(1);
    node.offer(eventItem(1));
    await turn();
    clock.advance(29_999);
    expect(client.closed).toBe(false);
    clock.advance(1);
    expect(client.closed).toBe(true);
    expect(logged.at(-1)).toBe('c was disconnected: it read nothing for 30 s');
  });
});

test('a slow client hears how many results it lost', async () => {
  streams.serve(client, { ...reader(), after: undefined, ...everything(['result'], undefined) });
  node.offer(resultItem);
  await turn();
  node.dropped.samples = 7;
  node.offer(resultItem);
  node.offer(resultItem);
  await turn();
  expect(client.got.map(({ event }) => event)).toEqual(['position', 'result', 'lost', 'result', 'result']);
  expect(client.got[2]?.data).toBe('{"type":"lost","samples":7}');
});

test('only the wanted types, of the wanted camera', async () => {
  streams.serve(client, { ...reader(), after: undefined, ...everything(['result'], 'yard') });
  node.offer(resultItem);
  node.offer({ type: 'result', result: { camera: 'yard' } } as NodeItem);
  node.offer(eventItem(1));
  await turn();
  expect(client.got.map(({ event }) => event)).toEqual(['position', 'result']);
});

test('a bounded number of streams; a closed one makes room', () => {
  const clients = Array.from({ length: 256 }, () => new FakeClient());
  for (const one of clients) streams.serve(one, { ...reader(), after: undefined, ...eventsOnly() });
  expect(() => streams.checkRoom()).toThrow('256 streams are open');
  clients[0]?.cut();
  expect(() => streams.checkRoom()).not.toThrow();
});

test('a client that answers no beat for 30 s is disconnected, although the kernel still takes what it does not read', () => {
  streams.serve(client, { ...reader(), after: undefined, ...eventsOnly() });
  client.answers = false;
  clock.advance(44_000);
  expect([client.closed, logged]).toEqual([false, []]);
  clock.advance(1_000);
  expect(client.closed).toBe(true);
  expect(logged.join()).toContain('was disconnected: it answered nothing for 30 s');
});

test('a client that may not read any more is cut: at once when logins change, or at the next beat', () => {
  const other = new FakeClient();
  for (const one of [client, other]) streams.serve(one, { ...reader(), after: undefined, ...eventsOnly() });
  streams.checkLogins();
  expect(client.closed).toBe(false);
  allowed = false;
  streams.checkLogins();
  expect([client.closed, other.closed]).toEqual([true, true]);
  allowed = true;
  const late = new FakeClient();
  streams.serve(late, { ...reader(), after: undefined, ...eventsOnly() });
  allowed = false;
  clock.advance(15_000);
  expect(late.closed).toBe(true);
});

describe('the time', () => {
  test('comes at once and each second, with both clocks', async () => {
    streams.serve(client, { ...reader(), after: undefined, ...everything(['result'], undefined), now: true });
    clock.advance(2_000);
    const times = client.got
      .filter(({ event }) => event === 'now')
      .map(({ data }) => nowMessageSchema.parse(JSON.parse(data)));
    expect(times.map(({ monotonic_ms }) => monotonic_ms - (times[0]?.monotonic_ms ?? 0))).toEqual([0, 1_000, 2_000]);
    expect(Date.parse(times[2]?.at ?? '') - Date.parse(times[0]?.at ?? '')).toBe(2_000);
  });

  test('does not come while the node behind this process says nothing', () => {
    node.silentMs = 2_000;
    streams.serve(client, { ...reader(), after: undefined, ...everything(['result'], undefined), now: true });
    expect(client.got.filter(({ event }) => event === 'now')).toEqual([]);
  });

  test('does not come to a client that did not ask', () => {
    serveEvents();
    clock.advance(5_000);
    expect(client.got.filter(({ event }) => event === 'now')).toEqual([]);
  });
});

describe('a summary', () => {
  const minute = (camera: string): SummaryMessage => ({
    type: 'summary',
    camera,
    consumer: 'people',
    at: '2026-11-22T03:14:00.000Z',
    complete_ms: 60_000,
    answers: [[41, 1, 200]],
  });
  const result = (camera: string, seq: number): NodeItem =>
    ({ type: 'result', result: { camera, consumer: 'people', seq } }) as NodeItem;
  const serve = (types: string[], camera?: string): void => {
    const wish = { ...everything(types, camera), summary: { camera, sparse: !types.includes('result') } };
    streams.serve(client, { ...reader(), after: undefined, ...wish });
  };
  const seqs = (): number[] =>
    client.got
      .filter(({ event }) => event === 'result')
      .map(({ data }) => (JSON.parse(data) as { result: { seq: number } }).result.seq);

  test('comes once, of each consumer or of one camera’s; without an answer of the node the stream goes on', async () => {
    node.summaries = [minute('hall'), minute('yard')];
    serve(['result', 'summary'], 'yard');
    node.offer(result('yard', 1));
    await turn();
    const all = client.got.flatMap(({ event, data }) => (event === 'summary' ? [JSON.parse(data) as unknown] : []));
    expect(all).toEqual([minute('yard')]);
    expect(seqs()).toEqual([1]);
    client = new FakeClient();
    node.broken = true;
    serve(['result', 'summary']);
    node.offer(result('hall', 2));
    await turn();
    expect([client.closed, seqs()]).toEqual([false, [2]]);
  });

  test('alone, it brings the newest result of each consumer twice a second; a slow client gets newer ones later', async () => {
    serve(['summary']);
    for (const seq of [1, 2, 3]) node.offer(result('hall', seq));
    node.offer(result('yard', 4));
    await turn();
    clock.advance(500);
    await turn();
    expect(seqs()).toEqual([3, 4]);
    client.reads = false;
    node.offer(result('hall', 5));
    await turn();
    clock.advance(500);
    for (const seq of [6, 7]) node.offer(result('hall', seq));
    await turn();
    clock.advance(500);
    await turn();
    expect(seqs()).toEqual([3, 4, 5]);
    client.read();
    await turn();
    clock.advance(500);
    await turn();
    expect(seqs()).toEqual([3, 4, 5, 7]);
    client.cut();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('small pictures', () => {
  const JPEG = Uint8Array.of(0xff, 0xd8, 7);
  let asked: Map<string, number>;
  beforeEach(() => {
    asked = new Map();
  });

  /** A camera whose pictures come at once, or fail. */
  const camera = (id: string, give = (): Promise<Uint8Array> => Promise.resolve(JPEG)): void => {
    const part: Pick<ControlledCamera, 'tile'> = {
      tile: async (width) => {
        asked.set(id, (asked.get(id) ?? 0) + 1);
        const stamps = {
          seq: 3,
          captured_at: '2026-01-01T00:00:00.000Z',
          age_ms: 20,
          age_certain: true,
          width,
          height: 90,
        };
        return { jpeg: await give(), stamps };
      },
    };
    cameras.set(id, part);
  };
  const look = (at: FakeClient, fps: number, only?: string): void =>
    streams.serve(at, {
      ...reader(),
      node: { ...node.streamed, cameraIds: [...cameras.keys()] },
      after: undefined,
      ...everything(['result'], undefined),
      pictures: { camera: only, width: 160, fps },
    });
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) {
      clock.advance(50);
      await turn();
    }
  };
  const headerOf = (message: Uint8Array): TileHeader => {
    const bytes = Buffer.from(message);
    const end = 4 + bytes.readUInt32BE(0);
    expect(bytes.subarray(end)).toEqual(Buffer.from(JPEG));
    return tileHeaderSchema.parse(JSON.parse(bytes.toString('utf8', 4, end)));
  };

  test('of each camera that the client sees, at its rate; the header says which frame it is', async () => {
    camera('hall');
    camera('yard');
    look(client, 2);
    await turn();
    await pass(2_000);
    const headers = client.pictures.map(headerOf);
    expect(headers.filter((header) => header.camera === 'hall')).toHaveLength(5);
    expect(headers.filter((header) => header.camera === 'yard')).toHaveLength(5);
    expect(headers[0]).toMatchObject({ type: 'picture', seq: 3, age_ms: 20, width: 160 });
  });

  test('a camera is asked once for all who look, each at its own rate, and not any more when nobody does', async () => {
    camera('hall');
    const slow = new FakeClient();
    look(client, 4);
    look(slow, 1, 'hall');
    await turn();
    await pass(2_000);
    expect([client.pictures.length, slow.pictures.length]).toEqual([9, 3]);
    expect(asked.get('hall')).toBeLessThanOrEqual(10);
    client.cut();
    slow.cut();
    await pass(500);
    const before = asked.get('hall');
    await pass(3_000);
    expect(asked.get('hall')).toBe(before);
  });

  test('a client without room loses them: none waits, and the next one comes after half the time', async () => {
    camera('hall');
    client.hasRoom = false;
    look(client, 2);
    await turn();
    await pass(2_000);
    client.hasRoom = true;
    await pass(250);
    expect(client.pictures).toHaveLength(1);
  });

  test('a camera without a picture is asked again a second later, also when others begin to look', async () => {
    camera('hall', () => Promise.reject(new Error('it is away')));
    look(client, 5);
    await turn();
    for (let i = 0; i < 9; i += 1) {
      look(new FakeClient(), 5);
      await pass(100);
    }
    expect(asked.get('hall')).toBe(1);
    camera('hall');
    await pass(200);
    expect(client.pictures).toHaveLength(1);
  });

  test('many cameras share the pixels that a client may get', async () => {
    for (let n = 0; n < 64; n += 1) camera(`c${n}`);
    streams.serve(client, {
      ...reader(),
      node: { ...node.streamed, cameraIds: [...cameras.keys()] },
      after: undefined,
      ...everything(['result'], undefined),
      pictures: { camera: undefined, width: 640, fps: 5 },
    });
    await turn();
    await pass(10_000);
    const pixels = client.pictures.length * 640 * 360;
    expect(pixels / 10).toBeLessThan(1.4 * 6_000_000);
    expect(client.pictures.length).toBeGreaterThan(64);
  });
});

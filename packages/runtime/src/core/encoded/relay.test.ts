import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createLog, FakeClock, systemClock } from '@vigia/base';
import { afterEach, expect, test } from 'vitest';
import type { AccessUnit, Source, SourceError, SourceFormat } from '#core/media';
import { type EncodedTap, EncodedTaps } from './encoded-tap.ts';
import { encodeLine } from './relay-protocol.ts';
import { RelayServer } from './relay-server.ts';
import { RelayedSource } from './relayed-source.ts';

const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'h264',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};
const READER_BYTES = 100_000;
/** More than the kernel and a tap hold. */
const MANY = 400;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Relay {
  readonly taps: EncodedTaps;
  readonly server: RelayServer;
  readonly path: string;
  readonly wishes: string[];
  /** Of its readers. */
  readonly opened: EncodedTap[];
}

interface RelayParts {
  readonly clock?: Clock;
  readonly readerBytes?: number;
}

/** Turns of the loop until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => void setImmediate(resolve));
}

async function relay({ clock = systemClock, readerBytes = READER_BYTES }: RelayParts = {}): Promise<Relay> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-relay-'));
  const path = join(dir, 'u.sock');
  const taps = new EncodedTaps(1_000_000);
  const wishes: string[] = [];
  const opened: EncodedTap[] = [];
  const server = await RelayServer.open({
    socketPath: path,
    clock,
    log: createLog('relay', () => undefined),
    openTap: (options) => {
      const tap = taps.open(options);
      opened.push(tap);
      return tap;
    },
    lostPackets: () => 7,
    onReconnect: (message) => wishes.push(message),
    readerBytes,
  });
  closers.push(
    () => rmSync(dir, { recursive: true }),
    () => server.close(),
  );
  return { taps, server, path, wishes, opened };
}

function unit(n: number, keyframe: boolean, bytes = 10): AccessUnit {
  return { data: Buffer.alloc(bytes, n % 251), ptsMs: n, arrivedMs: n, keyframe, damaged: false };
}

interface Reader {
  readonly source: Source;
  readonly units: number[];
  readonly sounds: number[];
  readonly ended: Promise<SourceError>;
  /** Resolves when so many units have come. */
  has(count: number): Promise<void>;
}

async function read(source: RelayedSource, audio = false): Promise<Reader> {
  const units: number[] = [];
  const sounds: number[] = [];
  let wake = (): void => undefined;
  let end: (reason: SourceError) => void = () => undefined;
  const ended = new Promise<SourceError>((resolve) => {
    end = resolve;
  });
  const opened = await source.open(
    {
      url: 'rtsp://camera/stream',
      clock: systemClock,
      onFormat: (format) => expect(format).toEqual(FORMAT),
      onUnit: ({ ptsMs, measured }) => {
        expect(measured).toEqual({ latenessMs: 3, hiddenMs: 4 });
        units.push(ptsMs);
        wake();
      },
      audio,
      onAudio: ({ data, ptsMs, arrivedMs }) => {
        expect([[...data], arrivedMs]).toEqual([[9, ptsMs % 251], ptsMs]);
        sounds.push(ptsMs);
      },
      onEnd: end,
    },
    new AbortController().signal,
  );
  closers.push(() => opened.close());
  const has = async (count: number): Promise<void> => {
    while (units.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { source: opened, units, sounds, ended, has };
}

test('a reader that comes late begins with the newest keyframe, and gets every unit from there on', async () => {
  const { taps, path } = await relay();
  taps.begin(FORMAT);
  for (let n = 0; n < 6; n += 1) taps.offerVideo(unit(n, n % 4 === 0), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  taps.offerVideo(unit(6, false), 3, 4);
  await reader.has(3);
  expect(reader.units).toEqual([4, 5, 6]);
  expect(reader.source.lostPackets).toBe(7);
});

test('a failure of the connection is reported once, with the wait; the next attempt brings units again', async () => {
  const { taps, server, path } = await relay();
  const source = new RelayedSource(path, systemClock);
  server.announce({ type: 'down', n: 1, reason: 'refused', message: 'is the camera on?', retryInMs: 5_000 });
  const failure: SourceError = await read(source).then(
    () => expect.fail('opened'),
    (error) => error,
  );
  expect(failure).toMatchObject({ code: 'refused', message: 'is the camera on?' });
  expect(failure.retryInMs).toBeLessThanOrEqual(5_000);
  const coming = read(source);
  server.announce({ type: 'connecting' });
  taps.begin(FORMAT);
  taps.offerVideo(unit(1, true), 3, 4);
  const reader = await coming;
  await reader.has(1);
  server.announce({ type: 'down', n: 2, reason: 'ended', message: 'goodbye', retryInMs: null });
  expect(await reader.ended).toMatchObject({ code: 'ended', message: 'goodbye', retryInMs: undefined });
});

test('a reader that can use nothing asks for another connection', async () => {
  const { taps, path, wishes } = await relay();
  taps.begin(FORMAT);
  taps.offerVideo(unit(1, true), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  reader.source.abandon?.('no keyframe came');
  await until(() => wishes.length > 0);
  expect(wishes).toEqual(['no keyframe came']);
});

test('sound is for those who ask for it, in order with the pictures; for others nothing of it is written', async () => {
  const { taps, path, server, wishes } = await relay();
  const sound = (n: number): void => taps.offerAudio({ data: Buffer.of(9, n % 251), ptsMs: n, arrivedMs: n });
  taps.begin(FORMAT);
  taps.offerVideo(unit(0, true), 3, 4);
  const [deaf, hearing] = [
    await read(new RelayedSource(path, systemClock)),
    await read(new RelayedSource(path, systemClock), true),
  ];
  await Promise.all([deaf.has(1), hearing.has(1)]);
  // Its wish for sound was written before this one.
  hearing.source.abandon?.('heard');
  await until(() => wishes.length > 0);
  for (let n = 1; n <= 5; n += 1) {
    sound(n);
    taps.offerVideo(unit(n, false), 3, 4);
  }
  await Promise.all([deaf.has(6), hearing.has(6)]);
  expect([deaf.sounds, hearing.sounds, server.readers]).toEqual([[], [1, 2, 3, 4, 5], 2]);
});

test.each([
  ['sound without data', Buffer.alloc(17, 2)],
  ['sound without times', Buffer.alloc(30, 255).fill(2, 0, 1)],
  ['sound beyond the bound', Buffer.alloc(17 + 65_536, 2)],
])('%s ends the connection', async (_, message) => {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-relay-'));
  const path = join(dir, 'u.sock');
  const sockets: Socket[] = [];
  const other = createServer((socket) => {
    sockets.push(socket);
    socket.write(encodeLine({ type: 'format', format: FORMAT }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.byteLength);
    socket.write(Buffer.concat([length, message]));
  });
  closers.push(
    () => rmSync(dir, { recursive: true }),
    () => other.close(),
  );
  await new Promise<void>((resolve) => void other.listen(path, resolve));
  const reader = await read(new RelayedSource(path, systemClock), true);
  expect([(await reader.ended).code, reader.sounds]).toEqual(['corrupt', []]);
  for (const socket of sockets) socket.destroy();
});

test('the end of the process is an end with its reason', async () => {
  const { taps, server, path } = await relay();
  taps.begin(FORMAT);
  taps.offerVideo(unit(1, true), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  await server.close();
  expect(await reader.ended).toMatchObject({ code: 'process_died' });
});

test('a reader that stops reading costs a bound, and goes on with a keyframe', async () => {
  const { taps, path } = await relay();
  taps.begin(FORMAT);
  taps.offerVideo(unit(0, true), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  await reader.has(1);
  // One turn of the loop: nothing is read, and nothing is written beyond what the socket takes.
  for (let n = 1; n <= MANY; n += 1) taps.offerVideo(unit(n, n % 10 === 0, 10_000), 3, 4);
  const last = MANY + 10;
  for (let n = MANY + 1; n <= last; n += 1) taps.offerVideo(unit(n, n % 10 === 0, 10), 3, 4);
  await until(() => reader.units.at(-1) === last);
  expect(reader.units.length).toBeLessThan(MANY / 2);
  const gaps = reader.units.filter((n, i) => i > 0 && n !== (reader.units[i - 1] as number) + 1);
  for (const n of gaps) expect(n % 10).toBe(0);
  expect(gaps.length).toBeGreaterThan(0);
});

test('units that nobody wants come in bunches, whole and in order; those that are wanted at once, and what waited', async () => {
  const clock = new FakeClock();
  const { taps, path, opened, wishes } = await relay({ clock, readerBytes: 100 * READER_BYTES });
  taps.begin(FORMAT);
  taps.offerVideo(unit(0, true), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  await reader.has(1);
  const waiting = (): number | undefined => opened[0]?.statistics().waiting;
  const offer = (from: number, to: number): void => {
    // Each is more than a socket takes at once.
    for (let n = from; n < to; n += 1) taps.offerVideo(unit(n, n % 10 === 0, 300_000), 3, 4);
  };
  for (const from of [1, 41]) {
    reader.source.demand?.(false);
    reader.source.abandon?.('heard');
    await until(() => wishes.splice(0).length > 0);
    // One is on its way already; from here on there is a timer.
    offer(from, from + 1);
    await until(() => clock.pendingTimers === 1);
    offer(from + 1, from + 20);
    await reader.has(from + 1);
    expect(waiting()).toBe(19);
    clock.advance(500);
    await reader.has(from + 20);
    await until(() => clock.pendingTimers === 1);
    offer(from + 20, from + 30);
    expect(waiting()).toBe(10);
    // No time passes from here on.
    reader.source.demand?.(true);
    await reader.has(from + 30);
    offer(from + 30, from + 40);
    await reader.has(from + 40);
  }
  expect(reader.units).toEqual(Array.from({ length: 81 }, (_, n) => n));
});

test('what a reader does not read waits in its tap, and not beside it', async () => {
  const { taps, path, opened } = await relay();
  taps.begin(FORMAT);
  const socket = connect(path);
  closers.push(() => socket.destroy());
  await until(() => opened.length > 0);
  for (let n = 0; n < MANY; n += 1) {
    taps.offerVideo(unit(n, n % 10 === 0, 10_000), 3, 4);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  // The kernel, the socket and the tap hold a tenth of it each, or less.
  expect(opened[0]?.statistics().dropped).toBeGreaterThan(MANY / 2);
});

test('a reader that wants nothing costs no more than its bound, and nothing is left of it when it goes', async () => {
  const clock = new FakeClock();
  const { taps, path, server, opened } = await relay({ clock });
  taps.begin(FORMAT);
  taps.offerVideo(unit(0, true), 3, 4);
  const reader = await read(new RelayedSource(path, systemClock));
  await reader.has(1);
  reader.source.demand?.(false);
  for (let n = 1; clock.pendingTimers === 0; n += 1) {
    taps.offerVideo(unit(n, n % 10 === 0), 3, 4);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  for (let n = 1; n <= MANY; n += 1) taps.offerVideo(unit(n, n % 10 === 0, 10_000), 3, 4);
  expect(opened[0]?.statistics().waitingBytes).toBeLessThanOrEqual(READER_BYTES);
  reader.source.close();
  await until(() => server.readers === 0 && clock.pendingTimers === 0);
  expect(taps.size).toBe(0);
});

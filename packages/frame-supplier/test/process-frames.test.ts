import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeFrame, FrameDecoder, processStatFields, systemClock } from '@vigia/base';
import { HEADER, SEATS_HEADER, SEGMENT_MAGIC } from '@vigia/contracts';
import {
  attachBlockingReader,
  attachReader,
  FrameSegmentWriter,
  FrameSupplier,
  ProcessFrameServer,
  type SeatReport,
  sweepSegments,
} from '@vigia/frame-supplier';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProcessAgent } from './conformance/agent-readers.ts';
import { rendition, TestFrame } from './conformance/subject.ts';

const agentFile = (name: string): string => fileURLToPath(new URL(`agents/${name}`, import.meta.url));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const PREFIX = `vigia_t${process.pid}p_frames_`;
const path = `/dev/shm/${PREFIX}x`;

let folder: string;
let socketPath: string;
const children: ChildProcess[] = [];
const agents: ProcessAgent[] = [];
const closers: (() => void)[] = [];
const pids: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-frames-'));
  socketPath = join(folder, 'frames.sock');
});

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  pids.push(...agents.map(({ child }) => child.pid ?? 0));
  await Promise.all(agents.splice(0).map((agent) => agent.kill()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  sweepSegments(PREFIX);
  // Other processes use /dev/shm as well: only files of this test and its agents count.
  const ours = [PREFIX, ...[process.pid, ...pids.splice(0)].map((pid) => `vigia_reader_${pid}_`)];
  expect(readdirSync('/dev/shm').filter((name) => ours.some((prefix) => name.startsWith(prefix)))).toEqual([]);
});

interface Served {
  readonly supplier: FrameSupplier<TestFrame>;
  readonly server: ProcessFrameServer<TestFrame>;
  readonly ended: Map<string, SeatReport>;
  readonly publish: (side?: number) => Promise<void>;
  readonly attach: (id: string, wake?: 'socket' | 'futex') => Promise<ProcessAgent>;
}

async function serve(options: { readers?: number } = {}): Promise<Served> {
  const supplier = new FrameSupplier<TestFrame>({ clock: systemClock, sourceIntervalMs: () => 33 });
  supplier.start();
  const ended = new Map<string, SeatReport>();
  const server = await ProcessFrameServer.open({
    supplier,
    path,
    socketPath,
    rendition: rendition(),
    onReaderEnd: (id, report) => ended.set(id, report),
    ...options,
  });
  closers.push(() => {
    supplier.stop();
    server.close();
  });
  const publish = async (side = 64): Promise<void> => {
    supplier.publish(new TestFrame(systemClock.nowMs(), side));
    await turn();
  };
  const attach = async (id: string, wake: 'socket' | 'futex' = 'socket'): Promise<ProcessAgent> => {
    const agent = await ProcessAgent.start({ language: 'node', socketPath, id, wake, fps: undefined });
    agents.push(agent);
    return agent;
  };
  return { supplier, server, ended, publish, attach };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = systemClock.nowMs() + 10_000;
  while (!condition()) {
    if (systemClock.nowMs() > end) throw new Error(`never happened: ${what}`);
    await turn();
  }
}

describe('a reader that', () => {
  test('is killed while it holds a frame leaves nothing behind and affects no other', async () => {
    const { server, ended, publish, attach } = await serve();
    const [victim, other] = [await attach('victim'), await attach('other', 'futex')];
    await publish();
    expect(await victim.next()).toMatchObject({ frame: { seq: 1 } });
    await publish();
    await victim.kill();
    await until('its seat is free', () => server.readers === 1);
    expect(ended.get('victim')).toMatchObject({
      counters: { offered: 2, delivered: 1, dropped: { closed: 1 } },
      results: { unavailable: 1 },
      inFlight: 0,
    });
    expect(await other.next()).toMatchObject({ frame: { seq: 2 } });
    expect(await attach('victim')).toBeDefined();
  });

  test.each(['socket', 'futex'] as const)(
    'is stopped costs nothing, and gets the newest first when it goes on (%s)',
    async (wake) => {
      const { server, supplier, publish, attach } = await serve();
      const agent = await attach('sleeper', wake);
      const delivered = (): number => server.report('sleeper')?.counters.delivered ?? 0;
      let waiting = agent.next();
      let before = delivered();
      for (;;) {
        agent.child.kill('SIGSTOP');
        await until('it is stopped', () => processStatFields(agent.child.pid ?? 0)[0] === 'T');
        before = delivered();
        await publish();
        // Offered at once: the reader had requested it and sleeps.
        if (delivered() > before) break;
        agent.child.kill('SIGCONT');
        await waiting;
        await agent.release();
        waiting = agent.next();
      }
      for (let i = 0; i < 30; i += 1) await publish();
      const newest = supplier.counters().published;
      agent.child.kill('SIGCONT');
      expect(await waiting).toMatchObject({ frame: { seq: newest } });
      await agent.release();
      // The one offer that waited while it slept, and the newest.
      expect(delivered()).toBe(before + 2);
    },
  );
});

describe('a supplier that', () => {
  async function start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [agentFile('supplier.mjs'), path, socketPath], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  test('is killed is a typed end for every kind of reader; its successor starts over what it left', async () => {
    const child = await start();
    const reader = await attachReader(socketPath, 'loop');
    const blocking = await ProcessAgent.start({ language: 'node', socketPath, id: 'b', wake: 'futex', fps: undefined });
    const python = await ProcessAgent.start({ language: 'python', socketPath, id: 'p', wake: 'futex', fps: undefined });
    agents.push(blocking, python);
    const loops = [blocking, python].map((agent) => agent.ask({ op: 'loop', frames: 1e9 }));
    const lease = await reader.next();
    expect(lease?.frame.whole()).toBe(true);
    lease?.release();
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (;;) {
      const next = await reader.next();
      if (!next) break;
      next.release();
    }
    expect(reader.end).toBe('lost');
    expect(await Promise.all(loops)).toMatchObject([
      { end: 'lost', torn: 0, backwards: 0 },
      { end: 'lost', torn: 0, backwards: 0 },
    ]);
    expect(existsSync(path)).toBe(true);
    expect(existsSync(socketPath)).toBe(true);
    const successor = await start();
    const again = await attachReader(socketPath, 'loop');
    expect((await again.next())?.frame.whole()).toBe(true);
    again.close();
    successor.kill('SIGTERM');
    await once(successor, 'exit');
    expect(existsSync(path) || existsSync(`${path}.seats`) || existsSync(socketPath)).toBe(false);
  });
});

describe('bad use', () => {
  test('two suppliers on one socket; a path that is too long; no memory', async () => {
    await serve();
    const supplier = new FrameSupplier<TestFrame>({ clock: systemClock, sourceIntervalMs: () => 33 });
    const open = (over: object): Promise<unknown> =>
      ProcessFrameServer.open({
        supplier,
        path: `${path}2`,
        socketPath,
        rendition: rendition(),
        ...over,
      });
    await expect(open({})).rejects.toMatchObject({ code: 'socket_in_use' });
    await expect(open({ path })).rejects.toMatchObject({ code: 'shm_exists' });
    await expect(open({ socketPath: `/tmp/${'x'.repeat(120)}` })).rejects.toMatchObject({ code: 'socket_path' });
    await expect(open({ readers: 0 })).rejects.toMatchObject({ code: 'segment_geometry' });
    const huge = { ...rendition().shape, byteLength: 2 ** 31 };
    await expect(
      open({ readers: 250, socketPath: `${socketPath}2`, rendition: { ...rendition(), shape: huge } }),
    ).rejects.toMatchObject({ code: 'shm_full' });
  });

  test('a supplier that is stopped or not there, an answer that is none', async () => {
    const { supplier } = await serve();
    supplier.stop();
    await expect(attachReader(socketPath, 'a')).rejects.toMatchObject({ code: 'supplier_stopped' });
    await expect(attachReader(`${socketPath}x`, 'a')).rejects.toMatchObject({ code: 'supplier_unreachable' });
    await expect(attachBlockingReader(join(folder, 'nothing'), 'a')).rejects.toMatchObject({
      code: 'supplier_unreachable',
    });
  });

  test('every seat taken, ids and rates that are not allowed', async () => {
    await serve({ readers: 2 });
    const readers = [await attachReader(socketPath, 'a'), await attachReader(socketPath, 'b')];
    await expect(attachReader(socketPath, 'c')).rejects.toMatchObject({ code: 'seats_full' });
    await expect(attachReader(socketPath, 'Ä')).rejects.toMatchObject({ code: 'bad_request' });
    for (const fps of [0, -1, Number.NaN])
      await expect(attachReader(socketPath, 'c', { fps })).rejects.toMatchObject({ code: 'bad_request' });
    for (const reader of readers) reader.close();
    expect(await readers[0]?.next()).toBeUndefined();
    expect(readers[0]?.end).toBe('closed');
  });

  test('what is no attach request is answered with one sentence, and hung up on', async () => {
    const { server, publish } = await serve();
    const good = await attachReader(socketPath, 'good');
    writeFileSync(join(folder, 'plain'), 'x');
    symlinkSync(join(folder, 'plain'), `${path}_link`);
    closers.push(() => rmSync(`${path}_link`));
    const request = { op: 'attach', protocol: 1, reader: 'x', page: '/dev/shm/none', wake: 'socket' };
    const cases: readonly [Buffer, string][] = [
      [encodeFrame(Buffer.from('{')), 'bad_request'],
      [encodeFrame(Buffer.from('[]')), 'bad_request'],
      [Buffer.from([0x7f, 0xff, 0xff, 0xff]), 'bad_request'],
      [encodeFrame(Buffer.from(JSON.stringify({ ...request, protocol: 2 }))), 'bad_request'],
      [encodeFrame(Buffer.from(JSON.stringify({ ...request, page: '/etc/passwd' }))), 'bad_request'],
      [encodeFrame(Buffer.from(JSON.stringify(request))), 'invalid_page'],
      [encodeFrame(Buffer.from(JSON.stringify({ ...request, page: `${path}_link` }))), 'invalid_page'],
      [encodeFrame(Buffer.from(JSON.stringify({ ...request, page: path }))), 'invalid_page'],
    ];
    for (const [bytes, code] of cases) {
      const socket = connect(socketPath);
      const decoder = new FrameDecoder(4_096);
      const answers: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => answers.push(...decoder.push(chunk)));
      socket.write(bytes);
      await once(socket, 'close');
      expect(answers.map((a) => JSON.parse(a.toString()) as unknown)).toMatchObject([{ error: { code } }]);
    }
    expect(server.readers).toBe(1);
    await publish();
    expect((await good.next())?.frame.seq).toBe(1);
  });

  test('a seat table or a segment of another version, or with a corrupted header, is refused; nothing is damaged', async () => {
    const { publish } = await serve();
    const corrupt = (file: string, offset: number, bytes: Buffer): (() => void) => {
      const old = readFileSync(file).subarray(offset, offset + bytes.length);
      const write = (what: Buffer): void => {
        const fd = openSync(file, 'r+');
        writeSync(fd, what, 0, what.length, offset);
        closeSync(fd);
      };
      write(bytes);
      return () => write(Buffer.from(old));
    };
    const two = Buffer.from([2, 0, 0, 0]);
    for (const [offset, bytes] of [
      [SEATS_HEADER.version, two],
      [SEATS_HEADER.magic, Buffer.from(SEGMENT_MAGIC)],
      [SEATS_HEADER.seatCount, Buffer.from([0xff, 0xff, 0, 0])],
      [SEATS_HEADER.epoch, Buffer.from([9])],
    ] as const) {
      const restore = corrupt(`${path}.seats`, offset, bytes);
      await expect(attachReader(socketPath, 'a')).rejects.toMatchObject({ code: 'frame_invalid' });
      restore();
    }
    const reader = await attachReader(socketPath, 'a');
    for (const [offset, bytes] of [
      [HEADER.version, two],
      [HEADER.slotStride, Buffer.alloc(8, 0x10)],
    ] as const) {
      const restore = corrupt(path, offset, bytes);
      await publish();
      await expect(reader.next()).rejects.toMatchObject({ code: 'frame_invalid' });
      restore();
    }
    await publish();
    const lease = await reader.next();
    expect(lease?.frame.seq).toBe(3);
    const frame = lease?.frame;
    expect(() => frame?.copyTo(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'frame_too_large' }));
    expect(frame?.copyTo(new Uint8Array(64 * 64))).toBe(true);
    lease?.release();
    expect(() => frame?.pixels).toThrow(expect.objectContaining({ code: 'lease_released' }));
    expect(() => frame?.whole()).toThrow(expect.objectContaining({ code: 'lease_released' }));
    expect(() => lease?.release()).toThrow(expect.objectContaining({ code: 'lease_released' }));
    reader.close();
  });
});

test('the sweep removes what dead processes left, and nothing of a live one', async () => {
  const other = FrameSegmentWriter.create({ path: `${path}_live`, slots: 2, slotBytes: 64, clock: systemClock });
  closers.push(() => other.close());
  const child = spawn(process.execPath, [agentFile('supplier.mjs'), path, socketPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  expect(sweepSegments(PREFIX)).toEqual([]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(sweepSegments(PREFIX).sort()).toEqual([path, `${path}.seats`]);
  expect(existsSync(`${path}_live`)).toBe(true);
});

test('the sweep ignores a reader’s page that is just being created, by any process', () => {
  const page = `/dev/shm/vigia_reader_${process.pid}_unfinished`;
  for (const unfinished of [Buffer.alloc(0), Buffer.alloc(4096)]) {
    writeFileSync(page, unfinished);
    expect(sweepSegments(PREFIX)).toEqual([]);
    expect(existsSync(page)).toBe(true);
  }
  // Only this test creates files under its prefix.
  writeFileSync(`${path}_unfinished`, Buffer.alloc(4096));
  expect(sweepSegments(PREFIX)).toEqual([`${path}_unfinished`]);
  rmSync(page);
});

test('a forgotten lease stays held, and in development a warning shows where it was taken', () => {
  const run = (env: string): unknown[] =>
    execFileSync(process.execPath, ['--expose-gc', '--no-warnings', agentFile('forgetful.mjs')], {
      env: { ...process.env, NODE_ENV: env },
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  const held = { again: 'lease_held', references: 1 };
  expect(run('development')).toEqual([
    {
      code: 'VIGIA_LEASE_LEAK',
      message: expect.stringMatching(/forgetful: a frame was never released[^]*forgetful\.mjs/),
    },
    held,
  ]);
  expect(run('')).toEqual([held]);
});

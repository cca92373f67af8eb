import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import type { BenchRun } from '../support/bench-run.ts';
import { ms, quantile } from '../support/numbers.ts';
import { runProgram, stdoutOf } from '../supplier/program.ts';
import type { Table } from '../support/table.ts';
import { BenchContainer, MODEL_ID } from './container.ts';
import { grpcEcho } from './grpc-echo.ts';
import { BenchPeer } from './peer.ts';

const REQUESTS = 3_000;
const WARM_UP = 300;
const SIDE = 8;
const NOTHING = `export const manifest = { task: 'detection', classes: ['nothing'], width: ${SIDE}, height: ${SIDE} };
export function load() { return () => []; }
`;

/** One kind of request: resolves with the answer. */
interface Way {
  readonly name: string;
  readonly samples: number[];
  /** Milliseconds of each request in a window. */
  readonly run: () => Promise<number[]>;
}

/** The cost of a request to a model that costs nothing, alternating with others. */
export async function measureRoundTrip(run: BenchRun, rounds: number, peersDir: string): Promise<Table> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-trip-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const module = join(dir, 'nothing.mjs');
  writeFileSync(module, NOTHING);
  const picture = `/dev/shm/vigia_bench${process.pid}_frames_picture`;
  writeFileSync(picture, Buffer.alloc(SIDE * SIDE * 3, 128));
  run.scope.defer(() => rmSync(picture, { force: true }));
  const container = await BenchContainer.start(run, ['--module', module]);
  const infer = {
    model_id: MODEL_ID,
    camera_id: 'c',
    timestamp: 0,
    frame_reference: picture,
    frame_metadata: { frame_id: 1, width: SIDE, height: SIDE, format: 'RGB24' },
  };
  const kept = await BenchPeer.open(container.socketPath);
  run.scope.defer(() => kept.close());
  const ways: Way[] = [
    way('ours, infer', () => kept.ask(infer)),
    way('ours, want and infer', async () => {
      const { grant } = await kept.ask({ op: 'want', model_id: MODEL_ID, camera_id: 'c', consumer: 'b' });
      await kept.ask({ ...infer, grant: (grant as { id: string }).id });
    }),
    way('ours, a connection per request', async () => {
      const peer = await BenchPeer.open(container.socketPath);
      await peer.ask(infer);
      peer.close();
    }),
    way('ours, health (no model thread)', () => kept.ask({ op: 'health' })),
    ...(await pythonWays(run, dir, peersDir)),
    way('grpc-js, unary, kept channel', await grpcEcho(run, dir)),
  ];
  run.progress(`round trips, ${rounds} rounds of ${REQUESTS} requests in ${ways.length} ways`);
  for (let round = 0; round < rounds; round += 1) for (const each of ways) each.samples.push(...(await each.run()));
  const p50 = (name: string): number => quantile(ways.find((w) => w.name.startsWith(name))?.samples ?? [], 0.5);
  const python = p50('python-ipc, a connection');
  return {
    title: 'A request and its answer, no inference, ms',
    columns: ['', 'p50', 'p99', 'to python-ipc per request'],
    rows: ways.map(({ name, samples }) => [
      name,
      quantile(samples, 0.5).toFixed(3),
      ms(quantile(samples, 0.99)),
      Number.isNaN(python) ? '–' : (quantile(samples, 0.5) / python).toFixed(2),
    ]),
    notes: [
      `${rounds} rounds by turns; aims: ours, infer at most 0.5 ms at p50, and at most 0.3 × python-ipc with a connection per request`,
      'ours: JSON parsed and checked, a turn taken, a picture of 8×8 read from a file, over to the model’s thread and back, the answer checked',
      'python-ipc: its own client and server, JSON of about the same size and nothing else; grpc-js: bytes of the same size, nothing parsed',
    ],
  };
}

function way(name: string, ask: () => Promise<unknown>): Way {
  const run = async (): Promise<number[]> => {
    const samples: number[] = [];
    for (let i = 0; i < WARM_UP + REQUESTS; i += 1) {
      const startMs = systemClock.nowMs();
      await ask();
      if (i >= WARM_UP) samples.push(systemClock.nowMs() - startMs);
    }
    return samples;
  };
  return { name, samples: [], run };
}

/** The peer's own client, which reports only its median and its 99th percentile. */
async function pythonWays(run: BenchRun, dir: string, peersDir: string): Promise<Way[]> {
  const folder = join(peersDir, 'python-ipc');
  if (!existsSync(folder)) {
    run.progress(`no python-ipc in ${peersDir}: left out`);
    return [];
  }
  const socket = join(dir, 'python.sock');
  const server: ChildProcess = spawn('/usr/bin/python3', [join(folder, 'server.py'), socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  run.scope.defer(() => void server.kill('SIGKILL'));
  await once(server.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  const ask = (mode: string) => async (): Promise<number[]> => {
    const args = [join(folder, 'client.py'), 'python', socket, mode, String(REQUESTS)];
    const end = await runProgram('/usr/bin/python3', args, { signal: run.signal, limitMs: 60_000 });
    const { lat } = JSON.parse(stdoutOf('python-ipc', end)) as { lat: { n: number; p50: number; p99: number } };
    // Its two percentiles stand for all its samples.
    return Array.from({ length: 100 }, (_, i) => (i < 98 ? lat.p50 : lat.p99) / 1e6);
  };
  return [
    { name: 'python-ipc, kept', samples: [], run: ask('persist') },
    { name: 'python-ipc, a connection per request', samples: [], run: ask('connect') },
  ];
}

/**
 * Torn reads: whether a reader ever takes a torn picture for whole.
 *
 * Two ways to write at full speed: a bare segment, whose readers only the generation protects, and a supplier, whose
 * readers have seats.
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { CountedFrame, FrameSupplier, ProcessFrameServer } from '@vigia/frame-supplier';
import type { Table } from '../support/table.ts';
import { attachAgent, type LineChild, type LoopAnswer, nodeChild, type ReaderSpec } from './child.ts';
import { BYTES_1080P, greyShape, shmPrefix } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';
import type { TornCounts } from './torn-reads-child.ts';

const CHILD = fileURLToPath(new URL('torn-reads-child.js', import.meta.url));
const COLUMNS = ['reader', 'accepted', 'expired', 'torn', 'backwards'];

interface Part {
  readonly table: Table;
  readonly failures: readonly string[];
}

/** Findings of a reader, and how many accepted reads make them significant. */
type Found = readonly [string, TornCounts, number];

function judge(title: string, frames: number, found: readonly Found[]): Part {
  const failures: string[] = [];
  for (const [who, { accepted, torn, backwards }, least] of found) {
    if (torn > 0) failures.push(`${who}: ${torn} torn frames were taken for whole`);
    if (backwards > 0) failures.push(`${who}: went back in time ${backwards} times`);
    if (accepted < least) failures.push(`${who}: only ${accepted} accepted reads, ${least} were wanted`);
  }
  const rows = found.map(([who, c]) => [who, ...[c.accepted, c.expired, c.torn, c.backwards].map(String)]);
  return { table: { title: `${title}: ${frames} frames of 1080p written`, columns: COLUMNS, rows }, failures };
}

async function bareSegment(run: SoakRun, seconds: number, least: number): Promise<Part> {
  const path = `/dev/shm/${shmPrefix('torn')}bare`;
  run.scope.defer(() => rmSync(path, { force: true }));
  const writer = nodeChild(run, 'writer', CHILD, ['writer', path, String(seconds)]);
  await writer.line();
  const kinds = ['view', 'copy', 'dawdler'] as const;
  const readers = kinds.map((kind) => nodeChild(run, kind, CHILD, ['reader', path, kind]));
  const found = await Promise.all(
    readers.map(async (reader, i) => {
      await reader.line();
      const names = { view: 'looks in place', copy: 'copies', dawdler: 'is passed while looking' };
      const kind = kinds[i] ?? 'view';
      // A reader that lets the writer pass on purpose rarely finds a whole frame.
      return [names[kind], await reader.line<TornCounts>(), kind === 'dawdler' ? 1 : least] as const;
    }),
  );
  const { frames } = await writer.line<{ frames: number }>();
  const { table, failures } = judge('Bare segment', frames, found);
  const expired = found.reduce((sum, [, counts]) => sum + counts.expired, 0);
  return { table, failures: expired > 0 ? failures : [...failures, 'nothing expired: the readers were never passed'] };
}

async function seats(run: SoakRun, seconds: number, least: number): Promise<Part> {
  const supplier = new FrameSupplier<CountedFrame<number>>();
  supplier.start();
  const socketPath = `/tmp/vigia-soak-torn-${process.pid}.sock`;
  const shape = { ...greyShape(1920, 1080 * 1.5), byteLength: BYTES_1080P };
  const server = await ProcessFrameServer.open({
    supplier,
    path: `/dev/shm/${shmPrefix('torn')}seats`,
    socketPath,
    readers: 4,
    // Short, so that a slow reader is overtaken.
    readDeadlineMs: 5,
    rendition: { shape, render: (frame, pixels) => pixels.fill(frame.seq & 255, 0, BYTES_1080P) },
  });
  run.scope.defer(() => server.close());
  const attach = (spec: ReaderSpec): Promise<LineChild> => attachAgent(run, socketPath, spec);
  const readers = [
    ['Node, futex', await attach({ language: 'node', id: 'node-futex', wake: 'futex' }), 0],
    ['Node, socket', await attach({ language: 'node', id: 'node-socket', wake: 'socket' }), 0],
    ['Node, futex, 3 ms of work', await attach({ language: 'node', id: 'node-slow', wake: 'futex' }), 3],
    ['Python, socket', await attach({ language: 'python', id: 'python', wake: 'socket' }), 0],
  ] as const;
  const answers = readers.map(([, child, work]) => child.ask<LoopAnswer>({ op: 'loop', frames: 1e9, work_ms: work }));
  const endMs = systemClock.nowMs() + seconds * 1000;
  while (systemClock.nowMs() < endMs && !run.signal.aborted) {
    for (let i = 0; i < 16; i += 1) {
      supplier.publish(new CountedFrame(0, systemClock.nowMs()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sleep(systemClock, 0);
  }
  const { published } = supplier.counters();
  supplier.stop();
  const found = await Promise.all(
    answers.map(async (answer, i) => {
      const { frames, expired, torn, backwards } = await answer;
      const [name = ''] = readers[i] ?? [];
      return [name, { accepted: frames - expired, expired, torn, backwards }, least] as const;
    }),
  );
  server.close();
  return judge('Seats, read deadline 5 ms', published, found);
}

async function tornReads(run: SoakRun): Promise<SoakResult> {
  const seconds = run.short ? 3 : 60;
  const least = run.short ? 20 : 1_000;
  run.progress(`a bare segment, ${seconds} s`);
  const bare = await bareSegment(run, seconds, least);
  run.progress(`seats, ${seconds} s`);
  const seated = await seats(run, seconds, least);
  return { tables: [bare.table, seated.table], failures: [...bare.failures, ...seated.failures] };
}

await runSoak('torn-reads', tornReads);

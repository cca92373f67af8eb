import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import type { BenchRun } from '../support/bench-run.ts';
import { ms, quantile } from '../support/numbers.ts';
import { machineCpuSeconds } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { clipOf } from './clips.ts';

const PROGRAM = fileURLToPath(new URL('./density-program.js', import.meta.url));
const WARM_UP_MS = 4_000;
/** Cameras are not synchronised: each starts this much later than the previous one, modulo a group of pictures. */
const STAGGER_MS = 137;
const GOP_MS = 2_000;
const MOST = 80;

interface Kind {
  readonly name: string;
  readonly detect: string;
  readonly main: string | undefined;
  readonly skipLoopFilter?: boolean;
  /** Start of the search, and its step. */
  readonly from: number;
  readonly step: number;
  readonly prototype: string;
}

interface Load {
  readonly cameras: number;
  readonly p50: number;
  readonly p99: number;
  /** Of all cores, 0..1. */
  readonly busy: number;
  readonly results: number;
}

/**
 * How many cameras the machine can serve before their p99 age doubles: a process each, gate 5 fps, the model elsewhere.
 */
export async function measureDensity(run: BenchRun): Promise<Table> {
  const file = async (name: '1080p30' | '720p30' | '640×360@15'): Promise<string> =>
    `file:${(await clipOf(run, name)).path}?loop`;
  const small = await file('640×360@15');
  const kinds: Kind[] = [
    { name: '1080p30', detect: await file('1080p30'), main: undefined, from: 8, step: 2, prototype: '12' },
    {
      name: '1080p30, skip_loop_filter',
      detect: await file('1080p30'),
      main: undefined,
      skipLoopFilter: true,
      from: 8,
      step: 2,
      prototype: '–',
    },
    { name: '720p30', detect: await file('720p30'), main: undefined, from: 14, step: 3, prototype: '21' },
    {
      name: '1080p30, detect_source 640×360@15',
      detect: small,
      main: await file('1080p30'),
      from: 24,
      step: 4,
      prototype: '–',
    },
    {
      name: '720p30, detect_source 640×360@15',
      detect: small,
      main: await file('720p30'),
      from: 32,
      step: 4,
      prototype: '–',
    },
  ];
  const rows: string[][] = [];
  for (const kind of kinds) rows.push(await search(run, kind));
  return {
    title: 'Cameras that this machine holds at 5 fps each before p99 age doubles',
    columns: ['cameras', 'held', 'prototype', 'p99 of 1', 'p50 / p99 / busy at the limit', 'one step more'],
    rows,
    notes: [
      'files played in real time, so that no sender shares the cores; a model elsewhere that takes 20 ms, which are part of the age',
      'with detect_source the large stream is read and drained in the same process, not decoded',
      'a load counts as held when p99 is at most twice that of one camera, in one of two tries, and no result is missing',
    ],
  };
}

async function search(run: BenchRun, kind: Kind): Promise<string[]> {
  run.progress(`density, ${kind.name}`);
  const alone = await best(run, kind, 1, Number.POSITIVE_INFINITY);
  const limit = alone.p99 * 2;
  let held: Load = alone;
  let next = await best(run, kind, kind.from, limit);
  // Downwards when the start is too high already.
  while (!holds(next, limit) && next.cameras > kind.step) next = await best(run, kind, next.cameras - kind.step, limit);
  while (holds(next, limit) && next.cameras < MOST) {
    held = next;
    next = await best(run, kind, next.cameras + kind.step, limit);
  }
  return [
    kind.name,
    String(held.cameras),
    kind.prototype,
    ms(alone.p99),
    `${ms(held.p50)} / ${ms(held.p99)} / ${(held.busy * 100).toFixed(0)} %`,
    `${next.cameras}: ${ms(next.p99)}`,
  ];
}

function holds(found: Load, limit: number): boolean {
  const expected = found.cameras * 5;
  return found.p99 <= limit && found.results >= expected * 0.95;
}

/** The better of two attempts: other load on a shared machine must not decide. */
async function best(run: BenchRun, kind: Kind, cameras: number, limit: number): Promise<Load> {
  const first = await load(run, kind, cameras);
  run.progress(`  ${cameras}: p50 ${ms(first.p50)}, p99 ${ms(first.p99)}, ${(first.busy * 100).toFixed(0)} % busy`);
  if (holds(first, limit) && Number.isFinite(limit)) return first;
  const second = await load(run, kind, cameras);
  run.progress(`  ${cameras}: p50 ${ms(second.p50)}, p99 ${ms(second.p99)}, ${(second.busy * 100).toFixed(0)} % busy`);
  return second.p99 < first.p99 ? second : first;
}

async function load(run: BenchRun, kind: Kind, cameras: number): Promise<Load> {
  const children: ChildProcess[] = [];
  const stop = (): void => {
    // Asked to end, so that it removes its segment.
    for (const child of children) child.kill('SIGTERM');
  };
  run.scope.defer(stop);
  try {
    for (let id = 0; id < cameras; id += 1) {
      const { detect, main, skipLoopFilter = false } = kind;
      const setup = { id, detect, main, skipLoopFilter, delayMs: (id * STAGGER_MS) % GOP_MS };
      children.push(fork(PROGRAM, [JSON.stringify(setup)], { execArgv: [], serialization: 'advanced' }));
    }
    await sleep(systemClock, WARM_UP_MS + cameras * 150, run.signal);
    for (const child of children) child.send('begin');
    const before = machineCpuSeconds();
    const startedMs = systemClock.nowMs();
    await sleep(systemClock, run.seconds * 1000, run.signal);
    const after = machineCpuSeconds();
    const seconds = (systemClock.nowMs() - startedMs) / 1000;
    const told = await Promise.all(children.map((child) => ending(child)));
    const ages = told.flatMap((t) => t.agesMs);
    return {
      cameras,
      p50: quantile(ages, 0.5),
      p99: quantile(ages, 0.99),
      busy: (after.busy - before.busy) / (seconds * availableParallelism()),
      results: ages.length / seconds,
    };
  } finally {
    stop();
  }
}

function ending(child: ChildProcess): Promise<{ readonly agesMs: readonly number[] }> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as { agesMs: number[] }));
    child.once('exit', (code) => reject(new Error(`a camera ended with ${code}`)));
    child.send('end');
  });
}

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SHM_DIR, sleep, systemClock } from '@vigia/base';
import { once } from './once.ts';
import { type ProgramEnd, runProgram, stdoutOf } from './program.ts';
import { sampleOf } from './sample-line.ts';
import type { Row, Sample, Setup, Variant } from './variant.ts';

const BUILD_LIMIT_MS = 120_000;
/** In addition to the measured window. */
const RUN_LIMIT_MS = 20_000;
/** The writer starts before its reader and ends after it. */
const HEAD_START_MS = 700;
const FPS = 240;

/** `appsink max-buffers=1 drop=true`, pulled by a thread; with or without a leaky queue (and its thread) before it. */
export function appsinkVariant(name: string, queue: 'queue' | 'noqueue', rows: readonly Row[]): Variant {
  return {
    name,
    title: `GStreamer appsink${queue === 'queue' ? ' behind a queue' : ''}, 1 consumer, ${FPS} Hz`,
    rows,
    prepare: prepareAppsink,
    run: async (setup) => sampleOf('gstbench', stdoutOf('gstbench', await gstbench(setup, queue, '1'))),
  };
}

/** `shmsink` and `shmsrc` in two processes, with the copies that they make. */
export function shmVariant(name: string, rows: readonly Row[]): Variant {
  return {
    name,
    title: `GStreamer shmsink → shmsrc, 1 process, ${FPS} Hz`,
    rows,
    prepare: async (setup) => (await prepareAppsink(setup)) ?? (await prepareShm(setup)),
    run: measureShm,
  };
}

const prepareAppsink = once(async (setup: Setup): Promise<string | undefined> => {
  const source = join(setup.peersDir, 'gst-appsink', 'gstbench.c');
  if (!existsSync(source)) return `not there: ${source}`;
  const options = { signal: setup.run.signal, limitMs: BUILD_LIMIT_MS };
  const flags = await runProgram('pkg-config', ['--cflags', '--libs', 'gstreamer-app-1.0', 'gstreamer-1.0'], options);
  if (!flags) return 'not installed: pkg-config';
  if (flags.code !== 0) return 'not installed: libgstreamer-plugins-base1.0-dev';
  const version = await runProgram('pkg-config', ['--modversion', 'gstreamer-1.0'], options);
  setup.versions.add(`GStreamer ${version?.stdout.trim() ?? 'unknown'}`);
  const args = ['-O2', '-w', '-o', programOf(setup), source, ...flags.stdout.trim().split(/\s+/)];
  const compiled = await runProgram('gcc', args, options);
  if (!compiled) return 'not installed: gcc libc6-dev';
  stdoutOf('gcc', compiled);
  // GStreamer's first start may scan its plug-ins; that is over before anything is measured.
  return missingElement(await gstbench(setup, 'noqueue', '1', { seconds: 0.2 }), 'gstreamer1.0-plugins-base');
});

const prepareShm = once(
  async (setup: Setup): Promise<string | undefined> =>
    missingElement(await writeShm(setup, join(setup.tempDir, 'probe.sock'), 0.2), 'gstreamer1.0-plugins-bad'),
);

async function measureShm(setup: Setup): Promise<Sample> {
  // A new path: leftovers of earlier runs are ignored.
  const socket = join(setup.tempDir, `shm-${systemClock.wallMs()}.sock`);
  const seconds = setup.run.seconds + (2 * HEAD_START_MS) / 1000;
  // Both are awaited in any case: nothing may run while the next variant is measured.
  const [writer, reader] = await Promise.allSettled([writeShm(setup, socket, seconds), readShm(setup, socket)]);
  if (writer.status === 'rejected') throw writer.reason;
  stdoutOf('gstbench shm-w', writer.value);
  if (reader.status === 'rejected') throw reader.reason;
  return reader.value;
}

async function writeShm(setup: Setup, socket: string, seconds: number): Promise<ProgramEnd | undefined> {
  let pid = 0;
  try {
    return await gstbench(setup, 'shm-w', '0', { seconds, socket, onStart: (started) => (pid = started) });
  } finally {
    removeSegments(pid);
  }
}

async function readShm(setup: Setup, socket: string): Promise<Sample> {
  await sleep(systemClock, HEAD_START_MS, setup.run.signal);
  return sampleOf('gstbench shm-r', stdoutOf('gstbench shm-r', await gstbench(setup, 'shm-r', '1', { socket })));
}

function gstbench(
  setup: Setup,
  mode: string,
  readers: string,
  options: { readonly seconds?: number; readonly socket?: string; readonly onStart?: (pid: number) => void } = {},
): Promise<ProgramEnd | undefined> {
  const { seconds = setup.run.seconds, socket, onStart } = options;
  const args = [mode, readers, String(FPS), String(seconds), ...(socket === undefined ? [] : [socket])];
  const limitMs = seconds * 1000 + RUN_LIMIT_MS;
  return runProgram(programOf(setup), args, { signal: setup.run.signal, limitMs, ...(onStart && { onStart }) });
}

function programOf(setup: Setup): string {
  return join(setup.tempDir, 'gstbench');
}

function missingElement(end: ProgramEnd | undefined, packageName: string): string | undefined {
  if (end?.stderr.includes('no element')) return `not installed: ${packageName}`;
  stdoutOf('gstbench', end);
  return undefined;
}

/** The writer ends without closing its pipeline, so its segments (`shmpipe.  PID.   N`) stay behind. */
function removeSegments(pid: number): void {
  const ours = (name: string): boolean => name.startsWith('shmpipe.') && name.split('.')[1]?.trim() === String(pid);
  for (const name of readdirSync(SHM_DIR).filter(ours)) rmSync(join(SHM_DIR, name), { force: true });
}

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import type { BenchRun } from '../support/bench-run.ts';
import { descendantsOf, endChild, pssBytes, threadsCpuMs } from '../support/processes.ts';
import { VigiaNode } from '../support/vigia-node.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));

/** Until all are recorded. Milliseconds. */
const START_MS = 60_000;

/** Something that records cameras, or does not. */
export interface Contender {
  /** Of all its processes. */
  readonly pids: () => readonly number[];
  /** Where it writes. */
  readonly dir: string;
  readonly node?: VigiaNode;
  readonly close: () => Promise<void>;
}

/** A folder that goes with the run. */
function newDir(run: BenchRun): string {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-recording-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** What a node is to do with its cameras. */
export interface NodeTask {
  readonly recorded: boolean;
  /** Rate of a worker at each camera, frames per second; undefined: nobody analyses. */
  readonly workerFps?: number;
  /** Default: that of vigia. */
  readonly camerasPerProcess?: number;
}

/** A node over so many cameras. Resolves when all are recorded, or have a result. */
export async function startNode(run: BenchRun, urls: readonly string[], task: NodeTask): Promise<Contender> {
  const dir = join(newDir(run), 'footage');
  mkdirSync(dir);
  const ids = urls.map((_, i) => `c${i + 1}`);
  const { recorded, workerFps, camerasPerProcess } = task;
  const spread = camerasPerProcess === undefined ? '' : `, cameras_per_process: ${camerasPerProcess}`;
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const node = VigiaNode.start(
    run,
    Object.fromEntries(ids.map((id, i) => [id, urls[i] as string])),
    workerFps === undefined ? '{}' : `{ light: { worker: bright, fps: ${workerFps} } }`,
    recorded ? 'record: { mode: always }' : '',
    { models: '', top: `${workers}storage: { path: ${dir}, min_free: 1MB${spread} }\n` },
  );
  if (workerFps !== undefined) await node.okResults(ids, 1);
  if (recorded) await untilFiles(run, dir, ids.length);
  const pids = (): number[] => [node.pid, ...descendantsOf(node.pid).map(({ pid }) => pid)];
  return { pids, dir, node, close: () => node.close() };
}

/** A process of ffmpeg per camera, which copies what comes into segments of a minute. Resolves when all have a file. */
export async function startFfmpeg(run: BenchRun, urls: readonly string[]): Promise<Contender> {
  const dir = newDir(run);
  const all = urls.map((url, i) => {
    const input = ['-rtsp_transport', 'tcp', '-i', url, '-map', '0', '-c', 'copy'];
    const output = ['-f', 'segment', '-segment_time', '60', '-segment_format', 'mp4', '-reset_timestamps', '1'];
    const name = join(dir, `c${i + 1}-%05d.mp4`);
    return spawn('ffmpeg', ['-loglevel', 'error', ...input, ...output, name], { stdio: 'ignore' });
  });
  const close = async (): Promise<void> => void (await Promise.all(all.map(endChild)));
  run.scope.defer(close);
  await untilFiles(run, dir, urls.length);
  return { pids: () => all.map(({ pid }) => pid ?? 0), dir, close };
}

async function untilFiles(run: BenchRun, dir: string, count: number): Promise<void> {
  for (const endMs = systemClock.nowMs() + START_MS; filesIn(dir).length < count; ) {
    if (systemClock.nowMs() > endMs) throw new Error(`${filesIn(dir).length} of ${count} cameras are recorded`);
    await sleep(systemClock, 100, run.signal);
  }
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.mp4'))
    .map((name) => join(dir, name));
}

/** What a contender has used and written so far. */
export interface Usage {
  readonly cpuMs: number;
  /** Bytes of its files. */
  readonly fileBytes: number;
  /** Bytes it gave to the system to write to disks, what it overwrote included. */
  readonly diskBytes: number;
}

/** Sums over all processes of a contender. */
export function usageOf({ pids, dir }: Contender): Usage {
  const all = pids();
  return {
    cpuMs: all.reduce((sum, pid) => sum + threadsCpuMs(pid), 0),
    fileBytes: filesIn(dir).reduce((sum, file) => sum + statSync(file).size, 0),
    diskBytes: all.reduce((sum, pid) => sum + diskBytes(pid), 0),
  };
}

/** Proportional memory of all processes, bytes. */
export function memoryOf({ pids }: Contender): number {
  return pids().reduce((sum, pid) => sum + pssBytes(pid), 0);
}

function diskBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

/**
 * The kill storm: a real node with 8 cameras, each with two workers (Perl over shared memory, Python over standard
 * input), restarted without a limit. Workers are killed at random, some of them while starting. Afterwards everything
 * is as before: processes, descriptors, mappings, segments, entries in the run directory, memory of the node's own
 * processes. Frames are conserved, and no camera was disturbed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Report } from '@vigia/contracts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { descendantsOf, type ProcessInfo } from '../support/processes.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { memoryOf, mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CAMERAS = 8;
const KILLS = { long: 500, short: 40 } as const;
const PAUSE_MS = 120;
const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGSEGV', 'SIGTERM', 'SIGABRT'] as const;
const PERL = fileURLToPath(new URL('../../../examples/workers/bright.pl', import.meta.url));
const FLOW = fileURLToPath(new URL('../../../examples/workers/flow.py', import.meta.url));
/** Time limit until everything is back. Milliseconds. */
const BACK_MS = 20_000;
/**
 * Allowed growth of each process's heap: in the long form 75 KB per kill are too much. The short one ends while young
 * heaps still fluctuate, with a mapping per 256 KiB: up to 50 more per process were seen after 5 kills. File mappings
 * (segments, libraries) and descriptors do not fluctuate: their total must not grow.
 */
const MEMORY_SLACK = {
  bytesEach: { long: 4 * 2 ** 20, short: 12 * 2 ** 20 },
  mappingsEach: { long: 15, short: 100 },
  files: 2,
  descriptors: 2,
} as const;

const CONSUMERS =
  '{ plain: { worker: plain, fps: 5, sla: high, deadline_ms: 2000 }, flow: { worker: flow, fps: 2, deadline_ms: 2000 } }';
const WORKERS = `workers:
  plain: { command: [perl, ${PERL}], input: { format: GRAY8, width: 160, height: 90 }, restart: { delays_ms: [100], unlimited: true } }
  flow:
    command: [/usr/bin/python3, ${FLOW}]
    transport: stdin
    input: { format: GRAY8, width: 160, height: 90 }
    restart: { delays_ms: [100], unlimited: true }
`;

/** Resources of a node. */
interface Baseline {
  readonly workers: number;
  readonly descriptors: number;
  readonly mappings: number;
  /** Of segments and files. */
  readonly files: number;
  readonly bytes: number;
  readonly segments: number;
  readonly entries: number;
}

await runSoak('worker-kills', async (run): Promise<SoakResult> => {
  const { signal, scope, progress, short } = run;
  const kills = short ? KILLS.short : KILLS.long;
  const bench = { signal, scope, seconds: 0, progress };
  const camera = await CameraFork.start(bench, { fps: 10 });
  const ids = Array.from({ length: CAMERAS }, (_, i) => `c${i}`);
  const sources = Object.fromEntries(ids.map((id) => [id, camera.url]));
  const node = VigiaNode.start(bench, sources, () => CONSUMERS, '', { models: '', top: WORKERS });
  await backAgain(node, ids, 0);
  // A first round of restarts, so that code and heaps reach their final size.
  await storm(run, node, Math.ceil(kills / 10));
  await backAgain(node, ids, node.lines.length);
  const before = baselineOf(node);
  const reportBefore = await node.report();
  const from = node.lines.length;
  const recoveriesMs = await storm(run, node, kills);
  await backAgain(node, ids, node.lines.length);
  const after = baselineOf(node);
  const report = await node.report();
  const last = await node.finish();
  const failures = [
    ...conservationErrors(last).map((text) => `frames are not conserved: ${text}`),
    ...node.leftovers().map((name) => `left behind: ${name}`),
    ...compared(before, after, short ? 'short' : 'long'),
    ...disturbed(node, from),
  ];
  const restarts = restartsOf(report) - restartsOf(reportBefore);
  if (restarts < kills) failures.push(`${restarts} restarts after ${kills} kills`);
  const row = (name: string, text: (b: Baseline) => string): string[] => [name, text(before), text(after)];
  return {
    tables: [
      {
        title: `${kills} workers killed, 8 cameras, 16 workers`,
        columns: ['of the node', 'before', 'after'],
        rows: [
          row('processes of workers', (b) => String(b.workers)),
          row('descriptors of its own processes', (b) => String(b.descriptors)),
          row('mappings of its own processes', (b) => String(b.mappings)),
          row('of them of segments and files', (b) => String(b.files)),
          row('memory of its own processes, MiB (anonymous)', (b) => mib(b.bytes)),
          row('segments', (b) => String(b.segments)),
          row('entries in the run directory', (b) => String(b.entries)),
        ],
        notes: [
          `${restarts} restarts; from a kill to the worker being ready again p50 ${ms(quantile(recoveriesMs, 0.5))}, p95 ${ms(quantile(recoveriesMs, 0.95))} ms, of which 100 ms are the configured wait`,
          'own processes: the supervisor and the 8 of the cameras. Before: after a tenth as many kills',
          'signals: SIGKILL, SIGSEGV, SIGTERM, SIGABRT; every frame that was taken has its result, and every camera stayed live in the same process',
        ],
      },
    ],
    failures,
  };
});

/** Kills workers at random, in any state. @returns times from a kill to `ready`. */
async function storm({ progress, signal, short }: SoakRun, node: VigiaNode, kills: number): Promise<number[]> {
  const from = node.lines.length;
  // A process that writes a core file takes a while: killed twice, it would die once.
  const killed = new Set<number>();
  for (let done = 0; done < kills; done += 1) {
    if (done % 100 === 0) progress(`${done} of ${kills} kills`);
    const workers = workersOf(node).filter(({ pid }) => !killed.has(pid));
    const victim = workers[Math.floor(Math.random() * workers.length)];
    const name = SIGNALS[Math.floor(Math.random() * SIGNALS.length)] ?? 'SIGKILL';
    try {
      if (victim) {
        process.kill(victim.pid, name);
        killed.add(victim.pid);
      } else done -= 1;
    } catch {
      // It ended between two checks: choose another one.
      done -= 1;
    }
    await sleep(systemClock, short ? PAUSE_MS / 2 : Math.random() * 2 * PAUSE_MS, signal);
  }
  const diedMs = new Map<string, number>();
  const out: number[] = [];
  for (const { atMs, line } of node.lines.slice(from)) {
    if (line.type !== 'worker_state') continue;
    const key = `${line.camera}/${line.consumer}`;
    if (line.state === 'restarting') diedMs.set(key, diedMs.get(key) ?? atMs);
    const died = diedMs.get(key);
    if (line.state !== 'ready' || died === undefined) continue;
    out.push(atMs - died);
    diedMs.delete(key);
  }
  return out;
}

/** Every worker runs and answers. */
async function backAgain(node: VigiaNode, ids: readonly string[], from: number): Promise<void> {
  const wanted = ids.flatMap((id) => [`${id}/plain`, `${id}/flow`]);
  await node.until(
    'ok results of all workers',
    () => {
      const seen = new Map<string, number>();
      for (const { result } of node.results(from)) {
        if (result.status !== 'ok') continue;
        const key = `${result.camera}/${result.consumer}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
      return wanted.every((key) => (seen.get(key) ?? 0) >= 3) || undefined;
    },
    BACK_MS,
  );
}

function workersOf(node: VigiaNode): ProcessInfo[] {
  return descendantsOf(node.pid).filter(({ command }) => command.includes(PERL) || command.includes(FLOW));
}

function baselineOf(node: VigiaNode): Baseline {
  const own = [
    node.pid,
    ...descendantsOf(node.pid).flatMap(({ pid, command }) => (command.includes('camera-process') ? [pid] : [])),
  ];
  const samples = own.map(memoryOf);
  const sum = (of: (s: (typeof samples)[number]) => number): number => samples.reduce((total, s) => total + of(s), 0);
  return {
    workers: workersOf(node).length,
    descriptors: sum((s) => s.descriptors),
    mappings: sum((s) => s.mappings),
    files: own.reduce((total, pid) => total + fileMappings(pid), 0),
    bytes: sum((s) => s.rssAnon),
    segments: node.leftovers().filter((name) => name.startsWith('vigia_')).length,
    entries: readdirSync(join(node.runDir, 'workers')).length,
  };
}

/** Mappings with a path: also of removed segments. */
function fileMappings(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.filter((line) => line.includes(' /')).length;
}

function compared(before: Baseline, after: Baseline, form: 'long' | 'short'): string[] {
  const out: string[] = [];
  const check = (name: keyof Baseline, slack: number): void => {
    if (Math.abs(after[name] - before[name]) > slack && after[name] > before[name])
      out.push(`${name}: ${before[name]} before, ${after[name]} after`);
  };
  check('workers', 0);
  check('descriptors', MEMORY_SLACK.descriptors);
  check('mappings', MEMORY_SLACK.mappingsEach[form] * (CAMERAS + 1));
  check('files', MEMORY_SLACK.files);
  check('bytes', MEMORY_SLACK.bytesEach[form] * (CAMERAS + 1));
  check('segments', 0);
  check('entries', 0);
  if (after.workers !== 2 * CAMERAS) out.push(`${after.workers} workers run, ${2 * CAMERAS} should`);
  return out;
}

/** A camera in any state but live. */
function disturbed(node: VigiaNode, from: number): string[] {
  const states = node.lines.slice(from).flatMap(({ line }) => (line.type === 'camera_state' ? [line] : []));
  return states
    .filter(({ state }) => !['live', 'stopped'].includes(state))
    .map(({ camera, state, message }) => `camera ${camera} became ${state} (${message})`);
}

function restartsOf(report: Report): number {
  return Object.values(report.cameras)
    .flatMap((camera) => Object.values(camera.consumers))
    .reduce((sum, consumer) => sum + consumer.restarts, 0);
}

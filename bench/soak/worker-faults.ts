/**
 * The fault matrix of workers: a real node with two cameras. One has workers that fail in every way, and a good one;
 * the other has a good one too. For each way: state and reason, time to detection, restarts used, results of its
 * frames, and the effect on the good ones (none). Afterwards nothing is left: processes, segments, files.
 *
 * The long form plays one fault at a time, the short form all of them at once.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { every, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Report, type ResultMessage } from '@vigia/contracts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { descendantsOf, isAlive } from '../support/processes.ts';
import { type JsonLine, VigiaNode } from '../support/vigia-node.ts';
import {
  DEADLINE_MS,
  FAULTS,
  type FaultRow,
  type Form,
  HANG_MS,
  MEMORY_MIB,
  MEMORY_NOTICED_MS,
  START_MS,
} from './worker-faults/rows.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const PYTHON = '/usr/bin/python3';
const FAULTY = fileURLToPath(new URL('../../soak/worker-faults/faulty.py', import.meta.url));
const GOOD = fileURLToPath(new URL('../../../examples/workers/bright.pl', import.meta.url));
const MSGPACK = fileURLToPath(new URL('../../../sdk/python/vigia/worker/_msgpack.py', import.meta.url));
const FPS = 10;
/** Normal class: one restart after this long, then it has failed (WL4). Milliseconds. */
const DELAY_MS = 1_000;
/** Detection may take this much longer than the limit that applies. Milliseconds. */
const SLACK_MS = { long: 700, short: 3_000 } as const;
/** Time limit for all failures. Milliseconds. */
const OVER_MS = 40_000;
/** How long a fault that does not end the worker is observed. Milliseconds. */
const WATCHED_MS = 4_000;
/** A worker that ignores `stop` and SIGTERM is killed: 1.5 s, with a margin. Milliseconds. */
const STOP_LIMIT_MS = { long: 3_500, short: 6_000 } as const;
/** When such a worker dies after its node was stopped. Milliseconds. */
const KILLED = { leastMs: 1_300, mostMs: { long: 2_300, short: 3_300 }, lookMs: 20 } as const;
/** 95th percentile of the age of the good ones. All faults at once take CPU from them. Milliseconds. */
const GOOD_AGE_MS = { long: 150, short: 2_000 } as const;
/** Characters of a message that are printed. */
const MESSAGE_SHOWN = 90;

/** Observations of a batch besides its lines. */
interface Seen {
  /** Effects on the good ones. */
  readonly good: string;
  /** From the beginning of the stop to the death of the worker that ignores SIGTERM. */
  readonly diedMs: number | undefined;
}

type StateLine = Extract<JsonLine, { readonly type: 'worker_state' }>;

const run = (soak: SoakRun): Promise<SoakResult> => new Matrix(soak).play();

class Matrix {
  readonly #run: SoakRun;
  readonly #form: Form;
  readonly #dir = mkdtempSync(join(tmpdir(), 'vigia-worker-faults-'));
  readonly #failures: string[] = [];

  constructor(soak: SoakRun) {
    this.#run = soak;
    this.#form = soak.short ? 'short' : 'long';
    soak.scope.defer(() => rmSync(this.#dir, { recursive: true, force: true }));
  }

  async play(): Promise<SoakResult> {
    const { short, only } = this.#run;
    const chosen = FAULTS.filter((row) =>
      only.length === 0 ? !(short && row.long) : only.some((part) => row.fault.includes(part)),
    );
    const rows: string[][] = [];
    for (const batch of short ? [chosen] : chosen.map((row) => [row])) rows.push(...(await this.#batch(batch)));
    return {
      tables: [
        {
          title: 'Workers that fail',
          columns: [
            'what the worker does',
            'state and reason',
            'detected after, ms',
            'restarts',
            'results of its frames',
            'the good ones',
          ],
          rows,
          notes: [
            'the worker does well for 8 frames, then this; again after its restart. Class normal: one restart after 1 s, then failed',
            'detected: from the fault to the state that reports it (from the node’s output); twice, so the slower one',
            `deadline ${DEADLINE_MS} ms, hang timeout ${HANG_MS} ms, start timeout ${START_MS[this.#form]} ms; who grows: by 96 MiB, ${MEMORY_MIB} in all are allowed`,
            'the good ones: a Perl worker of the same camera and one of another camera, 5 frames a second each: results, and the 95th percentile of their age (judged: below ' +
              `${GOOD_AGE_MS.long} ms, all faults at once below ${GOOD_AGE_MS.short})`,
            `ignores SIGTERM: from the node’s SIGTERM to the worker’s death, looked at every ${KILLED.lookMs} ms; ${KILLED.leastMs} to ${KILLED.mostMs[this.#form]} ms are right`,
          ],
        },
      ],
      failures: this.#failures,
    };
  }

  async #batch(batch: readonly FaultRow[]): Promise<string[][]> {
    const { signal, scope, progress } = this.#run;
    progress(batch.map((row) => row.fault).join(', '));
    const bench = { signal, scope, seconds: 0, progress };
    const camera = await CameraFork.start(bench, { fps: FPS });
    const moments = mkdtempSync(join(this.#dir, 'm-'));
    const node = VigiaNode.start(
      bench,
      { bad: camera.url, good: camera.url },
      (id) => (id === 'good' ? '{ looks: { worker: good, fps: 5 } }' : consumersOf(batch)),
      '',
      { models: '', top: workersOf(batch, moments, this.#form) },
    );
    for (const row of batch) await this.#end(row, node);
    // All failures that end by themselves have ended: now those that show only at the end.
    const report = await node.report();
    const workers = descendantsOf(node.pid).filter(({ command }) => command.includes(FAULTY));
    const stubborn = batch.find((row) => row.fault === 'ignores SIGTERM');
    const beganMs = systemClock.nowMs();
    const { last, diedMs } = await finish(node, stubborn && workerPid(report, stubborn));
    const stoppedMs = systemClock.nowMs() - beganMs;
    if (stubborn) this.#checkKilled(stubborn, diedMs);
    const children = batch.flatMap((row) => {
      const known = numbersIn(join(moments, `${idOf(row)}.children`));
      const wanted = row.children ?? 0;
      if (known.length !== wanted)
        this.#failures.push(`${row.fault}: ${known.length} children are known, ${wanted} were to be`);
      return known;
    });
    this.#checkEnd(node, last, stoppedMs, [...workers.map(({ pid }) => pid), ...children]);
    const good = this.#good(node, batch);
    return batch.map((row) => this.#row(row, node, report, moments, { good, diedMs }));
  }

  /** A worker that does not exit by itself is killed, neither too early nor too late. */
  #checkKilled(row: FaultRow, diedMs: number | undefined): void {
    if (diedMs === undefined) this.#failures.push(`${row.fault}: its death was not observed`);
    else if (diedMs < KILLED.leastMs || diedMs > KILLED.mostMs[this.#form])
      this.#failures.push(
        `${row.fault}: killed after ${ms(diedMs)} ms, ${KILLED.leastMs} to ${KILLED.mostMs[this.#form]} are right`,
      );
  }

  /** Until the row has finished. */
  async #end(row: FaultRow, node: VigiaNode): Promise<void> {
    if (row.reasons.length === 0) await sleep(systemClock, WATCHED_MS, this.#run.signal);
    else await node.until(`${row.fault}: failed`, () => statesOf(node, row).find((s) => s.state === 'failed'), OVER_MS);
  }

  #row(row: FaultRow, node: VigiaNode, report: Report, moments: string, { good, diedMs }: Seen): string[] {
    const states = statesOf(node, row);
    const told = resultsOf(node, 'bad', idOf(row));
    const counts = report.cameras['bad']?.consumers[idOf(row)];
    const fail = (text: string): void => void this.#failures.push(`${row.fault}: ${text}`);
    const last = states.at(-1);
    const failed = states.find((s) => s.state === 'failed');
    if (row.reasons.length === 0) {
      if (failed || states.some((s) => s.state === 'restarting')) fail(`it was ended (${failed?.reason})`);
    } else if (!failed || !row.reasons.includes(failed.reason ?? '')) fail(`${last?.state} ${last?.reason}`);
    const expectedRestarts = row.reasons.length === 0 ? 0 : 1;
    if (counts?.restarts !== expectedRestarts) fail(`${counts?.restarts} restarts, ${expectedRestarts} are right`);
    const noticedMs = noticed(row, states, numbersIn(join(moments, `${idOf(row)}.moment`)));
    const limitMs = limitOf(row, this.#form);
    if (noticedMs.some((value) => value > limitMs)) fail(`noticed after ${noticedMs.map(ms).join(', ')} ms`);
    if (row.reasons.length > 0 && noticedMs.length < 2) fail(`noticed ${noticedMs.length} times, 2 were to be`);
    const usual = ['worker_not_ready', 'worker_failed', 'closed'];
    // With all of them at once, results may be late.
    if (this.#form === 'short') usual.push('deadline_exceeded');
    const strange = told.filter(
      (r) => r.error && ![...row.codes, ...(row.perhaps ?? []), ...usual].includes(r.error.code),
    );
    if (strange.length > 0) fail(`a frame got ${strange[0]?.error?.code}: ${strange[0]?.error?.message}`);
    // A worker that takes longer to end than its frame may take: that frame is late, and no other was under way.
    const late = this.#form === 'short' && told.some((r) => r.error?.code === 'deadline_exceeded');
    for (const code of late ? [] : row.codes.slice(0, 1))
      if (!told.some((r) => r.error?.code === code)) fail(`no frame got ${code}`);
    const oks = told.filter((r) => r.status === 'ok').length;
    if (!row.early && oks < 8) fail(`${oks} ok results before its fault`);
    const lines = counts?.process?.last_exit?.stderr ?? [];
    if (row.fault === 'exits at once' && !lines.includes('there is no such camera')) fail('its last words were lost');
    const state = last && failed ? `failed: ${failed.reason} (${shown(failed.message)})` : 'running';
    const killed = diedMs === undefined ? '–' : `${(diedMs / 1000).toFixed(2)} s`;
    return [
      row.fault,
      row.fault === 'ignores SIGTERM' ? `stopped: killed after ${killed}` : state,
      noticedMs.length === 0 ? '–' : ms(Math.max(...noticedMs)),
      String(counts?.restarts ?? '–'),
      countsText(told),
      good,
    ];
  }

  /** Effects on the good ones. */
  #good(node: VigiaNode, batch: readonly FaultRow[]): string {
    const name = batch.length === 1 ? (batch[0]?.fault ?? '') : 'all at once';
    return ['bad', 'good']
      .map((camera) => {
        const results = resultsOf(node, camera, 'looks');
        const first = results.findIndex((r) => r.status === 'ok');
        const wrong = results.slice(first).filter((r) => r.status !== 'ok');
        // The last one may be in flight when the node is stopped.
        if (first < 0 || wrong.some((r) => r.error?.code !== 'closed'))
          this.#failures.push(
            `${name}: the good worker of camera ${camera} had ${wrong.length} results that are not ok`,
          );
        const ages = results.filter((r) => r.status === 'ok').map((r) => r.age_ms);
        const p95 = quantile(ages, 0.95);
        const limitMs = GOOD_AGE_MS[this.#form];
        // NaN without any result.
        if (!(p95 < limitMs))
          this.#failures.push(
            `${name}: the 95th percentile of the age of camera ${camera}’s good worker is ${ms(p95)} ms, below ${limitMs} is right`,
          );
        return `${ages.length} ok, ${ms(p95)} ms`;
      })
      .join('; ');
  }

  #checkEnd(node: VigiaNode, report: Report, stoppedMs: number, pids: readonly number[]): void {
    for (const text of conservationErrors(report)) this.#failures.push(`frames are not conserved: ${text}`);
    if (stoppedMs > STOP_LIMIT_MS[this.#form]) this.#failures.push(`the node took ${ms(stoppedMs)} ms to stop`);
    const alive = pids.filter(isAlive);
    if (alive.length > 0) this.#failures.push(`still there: processes ${alive.join(', ')}`);
    const left = node.leftovers();
    if (left.length > 0) this.#failures.push(`left behind: ${left.join(', ')}`);
  }
}

/** Ends the node. @returns its report, and the time from the beginning of the stop to the death of process `pid`. */
async function finish(
  node: VigiaNode,
  pid: number | undefined,
): Promise<{ readonly last: Report; readonly diedMs: number | undefined }> {
  const beganMs = systemClock.nowMs();
  let diedMs: number | undefined;
  const look = (): void => {
    if (pid !== undefined && diedMs === undefined && !isAlive(pid)) diedMs = systemClock.nowMs() - beganMs;
  };
  const timer = every(systemClock, KILLED.lookMs, look);
  try {
    const last = await node.finish();
    look();
    return { last, diedMs };
  } finally {
    timer.cancel();
  }
}

function workerPid(report: Report, row: FaultRow): number | undefined {
  return report.cameras['bad']?.consumers[idOf(row)]?.process?.pid ?? undefined;
}

function shown(message: string | null): string {
  const text = message ?? '';
  return text.length > MESSAGE_SHOWN ? `${text.slice(0, MESSAGE_SHOWN - 1)}…` : text;
}

function idOf(row: FaultRow): string {
  return row.fault.toLowerCase().replaceAll(' ', '-');
}

function consumersOf(batch: readonly FaultRow[]): string {
  const bad = batch.map((row) => `${idOf(row)}: { worker: ${idOf(row)}, fps: 10, deadline_ms: ${DEADLINE_MS} }`);
  return `{ looks: { worker: good, fps: 5 }, ${bad.join(', ')} }`;
}

function workersOf(batch: readonly FaultRow[], moments: string, form: Form): string {
  const bad = batch.map((row) => {
    const input = row.stdin ? '{ width: 640, height: 360 }' : '{ format: GRAY8, width: 64, height: 48 }';
    const settings = [
      `command: [${PYTHON}, ${FAULTY}]`,
      `input: ${input}`,
      `transport: ${row.stdin ? 'stdin' : 'shm'}`,
      `env: { MSGPACK: ${MSGPACK}, PYTHONDONTWRITEBYTECODE: '1' }`,
      `options: { fault: ${row.fault}, moments: ${moments} }`,
      `start_timeout_ms: ${START_MS[form]}`,
      // A load that is no fault must not count as a hang: a flood on standard error is slowed by a second or two.
      `hang_timeout_ms: ${row.reasons.length === 0 ? 10 * HANG_MS : HANG_MS}`,
      `restart: { delays_ms: [${DELAY_MS}] }`,
      ...(row.reasons.includes('memory') ? [`memory_mib: ${MEMORY_MIB}`] : []),
    ];
    return `  ${idOf(row)}: { ${settings.join(', ')} }\n`;
  });
  return `workers:\n  good: { command: [perl, ${GOOD}], input: { format: GRAY8, width: 64, height: 48 } }\n${bad.join('')}`;
}

function statesOf(node: VigiaNode, row: FaultRow): StateLine[] {
  return node.lines.flatMap(({ line }) => (line.type === 'worker_state' && line.consumer === idOf(row) ? [line] : []));
}

function resultsOf(node: VigiaNode, camera: string, consumer: string): ResultMessage[] {
  return node
    .results()
    .map(({ result }) => result)
    .filter((r) => r.camera === camera && r.consumer === consumer);
}

/** From each fault to the state that reports it, milliseconds. */
function noticed(row: FaultRow, states: readonly StateLine[], moments: readonly number[]): number[] {
  const told = states.filter((s) => ['restarting', 'failed'].includes(s.state)).map((s) => Date.parse(s.at));
  return row.reasons.length === 0 ? [] : told.slice(0, moments.length).map((at, i) => at - (moments[i] ?? 0) * 1000);
}

function limitOf(row: FaultRow, form: Form): number {
  const slackMs = SLACK_MS[form];
  if (row.reasons.includes('not_ready')) return START_MS[form] + slackMs;
  if (row.reasons.includes('memory')) return MEMORY_NOTICED_MS + slackMs;
  // It may have received a frame just before.
  return row.reasons.includes('hung') ? HANG_MS + DEADLINE_MS + slackMs : slackMs;
}

function countsText(results: readonly ResultMessage[]): string {
  const counts = new Map<string, number>();
  for (const { status, error } of results) {
    const name = error ? `${status} (${error.code})` : status;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

function numbersIn(file: string): number[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : [];
}

await runSoak('worker-faults', run);

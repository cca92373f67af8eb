import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { every, systemClock } from '@vigia/base';
import type { SoakRun } from '../soak-run.ts';
import { memoryOf, mib } from '../memory.ts';
import type { Cases, Tally } from './part.ts';
import { OutputWatch } from './planted.ts';

/** What became of a part, and the memory of its process. */
export interface PartOutcome extends Tally {
  readonly name: string;
  /** Most resident memory so far of the process that played it, bytes. */
  readonly peakBytes: number;
  readonly limitBytes: number;
}

/** How a process is judged. */
export interface Bounds {
  readonly limitBytes: number;
  /** Without a new case for so long it hangs. Milliseconds. */
  readonly stuckMs: number;
}

const CHILD = fileURLToPath(new URL('../hostile-child.js', import.meta.url));
const LOOK_MS = 50;
/** Until the first case: the program is loaded. Milliseconds. */
const START_MS = 60_000;
const TAIL = 1_000;

/** Plays parts in a process, one after the other. It is killed when it needs too much memory or does nothing. */
export async function playParts(
  run: SoakRun,
  names: readonly string[],
  cases: Cases,
  bounds: Bounds,
): Promise<PartOutcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-hostile-'));
  // Also after an interrupt.
  run.scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    return await new Played(run, names, bounds, folder).play(cases);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Played {
  readonly #run: SoakRun;
  readonly #names: readonly string[];
  readonly #bounds: Bounds;
  readonly #folder: string;
  readonly #errors = new OutputWatch('standard error');
  #stdout = '';
  #stderr = '';
  #mark = '';
  #markedMs = systemClock.nowMs();
  #peakBytes = 0;
  #killedFor: string | undefined;

  constructor(run: SoakRun, names: readonly string[], bounds: Bounds, folder: string) {
    this.#run = run;
    this.#names = names;
    this.#bounds = bounds;
    this.#folder = folder;
  }

  async play({ seed, first, count }: Cases): Promise<PartOutcome[]> {
    const args = [CHILD, this.#names.join(','), String(seed), String(first), String(count), this.#folder];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#run.scope.defer(() => void child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors.hear(text);
      this.#stderr = (this.#stderr + text).slice(-TAIL);
    });
    const timer = every(systemClock, LOOK_MS, () => this.#look(child));
    await once(child, 'close');
    timer.cancel();
    return this.#outcomes(child.exitCode ?? child.signalCode);
  }

  #look(child: ChildProcess): void {
    const bytes = peakOf(child.pid ?? 0);
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    const mark = markIn(this.#folder);
    if (mark !== this.#mark) [this.#mark, this.#markedMs] = [mark, systemClock.nowMs()];
    const { limitBytes, stuckMs } = this.#bounds;
    const idleMs = systemClock.nowMs() - this.#markedMs;
    const mostMs = mark === '' ? Math.max(START_MS, stuckMs) : stuckMs;
    if (bytes > limitBytes) this.#kill(child, `${mib(bytes)} MiB of memory, at most ${mib(limitBytes)} are allowed`);
    else if (idleMs > mostMs) this.#kill(child, `nothing happens for ${idleMs.toFixed(0)} ms`);
  }

  #kill(child: ChildProcess, why: string): void {
    this.#killedFor ??= why;
    child.kill('SIGKILL');
  }

  #outcomes(end: number | string | null): PartOutcome[] {
    const { limitBytes } = this.#bounds;
    const lines = this.#stdout.split('\n').filter((line) => line.startsWith('{'));
    const done = lines.map((line) => this.#outcome(JSON.parse(line) as Omit<PartOutcome, 'limitBytes'>));
    const failures = this.#failures(end, done.length);
    if (failures.length === 0) return done;
    const name = this.#names[done.length] ?? this.#names.at(-1) ?? '';
    const part = { name, cases: 0, outcomes: {}, failures };
    return [...done, { ...part, peakBytes: this.#peakBytes, limitBytes }];
  }

  #outcome(one: Omit<PartOutcome, 'limitBytes'>): PartOutcome {
    const { limitBytes } = this.#bounds;
    const why = `${mib(one.peakBytes)} MiB of memory, at most ${mib(limitBytes)} are allowed`;
    return { ...one, limitBytes, failures: one.peakBytes > limitBytes ? [...one.failures, why] : one.failures };
  }

  #failures(end: number | string | null, done: number): string[] {
    const wrong = [...this.#errors.wrong];
    if (this.#killedFor !== undefined) return [...wrong, `case ${this.#mark}: ${this.#killedFor}`];
    if (end === 0 && done === this.#names.length) return wrong;
    return [...wrong, `case ${this.#mark}: its process ended (${end}): ${JSON.stringify(this.#stderr)}`];
  }
}

/** Most resident memory of a process so far, bytes; 0 when it has ended. */
export function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // It has ended.
    return 0;
  }
}

/** Anonymous memory and touched segments of a process now, bytes: what a plan counts. 0 when it has ended. */
export function ownMemoryOf(pid: number): number {
  try {
    const { rssAnon, rssShmem } = memoryOf(pid);
    return rssAnon + rssShmem;
  } catch {
    // It has ended.
    return 0;
  }
}

/** Empty before the first case. */
function markIn(folder: string): string {
  try {
    return readFileSync(join(folder, 'case'), 'utf8').trim();
  } catch {
    return '';
  }
}

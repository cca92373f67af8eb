import { readFileSync } from 'node:fs';
import type { Clock } from '@vigia/base';

/** How short of CPU the machine was since the reading before. */
export interface CpuPressureReading {
  /** Share of the CPUs' time in which nobody needed them, 0..1. */
  readonly idle: number;
  /** Share of the time in which somebody waited for a CPU, 0..1; undefined where the kernel does not tell. */
  readonly waiting: number | undefined;
}

interface Totals {
  readonly atMs: number;
  readonly idle: number;
  readonly all: number;
  /** Microseconds. */
  readonly waited: number | undefined;
}

/** Reads how busy the machine's CPUs are: /proc/stat (proc(5)) and, where it is there, /proc/pressure/cpu (PSI). */
export class CpuPressure {
  readonly #clock: Clock;
  #before: Totals | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Since the call before; undefined at the first one, and where /proc does not tell. */
  read(): CpuPressureReading | undefined {
    const before = this.#before;
    const now = readTotals(this.#clock.nowMs());
    this.#before = now;
    if (!before || !now || now.all <= before.all) return undefined;
    const waited =
      now.waited === undefined || before.waited === undefined
        ? undefined
        : Math.min(1, (now.waited - before.waited) / 1000 / (now.atMs - before.atMs));
    return { idle: (now.idle - before.idle) / (now.all - before.all), waiting: waited };
  }
}

function readTotals(atMs: number): Totals | undefined {
  const line = textOf('/proc/stat')?.split('\n', 1)[0];
  if (line === undefined) return undefined;
  // user nice system idle iowait irq softirq steal; guest times are part of user.
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, value) => sum + value, 0);
  const waited = /^some .*total=(\d+)/m.exec(textOf('/proc/pressure/cpu') ?? '')?.[1];
  return {
    atMs,
    idle: (fields[3] ?? 0) + (fields[4] ?? 0),
    all,
    waited: waited === undefined ? undefined : Number(waited),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A kernel without it, or a container that hides it.
    return undefined;
  }
}

import { readFileSync } from 'node:fs';
import type { Clock } from '@vigia/base';

/** The machine's CPU pressure since the previous reading. */
export interface CpuPressureReading {
  /** Share of CPU time that was idle, 0..1. */
  readonly idle: number;
  /** Share of time in which at least one task waited for a CPU, 0..1; undefined where the kernel does not report it. */
  readonly waiting: number | undefined;
}

interface Totals {
  readonly atMs: number;
  readonly idle: number;
  readonly all: number;
  /** Microseconds. */
  readonly waited: number | undefined;
}

/** Reads the machine's CPU usage from /proc/stat (proc(5)) and, where it exists, /proc/pressure/cpu (PSI). */
export class CpuPressure {
  readonly #clock: Clock;
  #before: Totals | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the pressure since the previous call. Undefined on the first call, and where /proc is not readable. */
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
    // The kernel has no PSI, or the container hides it.
    return undefined;
  }
}

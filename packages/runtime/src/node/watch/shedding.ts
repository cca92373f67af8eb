import type { Clock } from '@vigia/base';
import type { ResultMessage, SlaClass, Slowed } from '@vigia/contracts';
import type { CpuPressureReading } from '#core/cpu';

/** A consumer, as the policy sees it. */
export interface SheddableConsumer {
  readonly camera: string;
  readonly consumer: string;
  readonly sla: SlaClass;
  /** The configured gate; undefined: as fast as it can. */
  readonly fps: number | undefined;
  /** Milliseconds between two frames of its camera; 0 when not known. */
  readonly sourceIntervalMs: number;
  readonly maxAgeMs: number | undefined;
  /** Ok results so far. */
  readonly ok: number;
  /** Its camera is live, its worker or model is there, and its SLA is breached. */
  readonly breaching: boolean;
}

/** A gate to be changed. */
export interface ShedChange {
  readonly camera: string;
  readonly consumer: string;
  readonly sla: SlaClass;
  /** Null: as configured again. */
  readonly slowed: Slowed | null;
}

/** By which factor the classes are slowed, level after level: best-effort first, then normal. */
const LEVELS: readonly { readonly bestEffort: number; readonly normal: number }[] = [
  { bestEffort: 1, normal: 1 },
  { bestEffort: 1 / 2, normal: 1 },
  { bestEffort: 1 / 4, normal: 1 },
  { bestEffort: 1 / 8, normal: 1 },
  { bestEffort: 1 / 16, normal: 1 / 2 },
  { bestEffort: 1 / 16, normal: 1 / 4 },
];
/** The machine is short of CPU when less is idle, or when somebody waits for more of the time. */
const SHORT = { idle: 0.1, waiting: 0.3 } as const;
/**
 * A critical consumer suffers when its slower pictures take more than this: of the time that it has for one, of the age
 * that they may have, or times what they take when there is CPU enough.
 */
const MOST = { ofTurn: 0.7, ofAge: 0.7, timesUsual: 2 } as const;
/** It does well below this share of any of them. */
const WELL = 0.7;
/** How fast what is usual follows: about half a minute. */
const USUAL_SHARE = 1 / 30;
const SLOWER_QUANTILE = 0.9;
/** What was seen of critical consumers is looked at for so long, or for so many turns. */
const RECENT = { ms: 3_000, turns: 3 } as const;
/** Pictures of one consumer that are kept: 3 s at 60 a second, also while nobody looks. */
const SEEN_LIMIT = 180;
/** Between two steps down, so that one can work. Milliseconds. */
const STEP_DOWN_MS = 2_000;
/** How long all must be well before a step up; doubled each time that a step up was followed by suffering. Milliseconds. */
const STEP_UP_MS = { first: 10_000, most: 300_000 } as const;

interface Seen {
  readonly atMs: number;
  /** From being taken to its result: what the consumer is busy with one picture. */
  readonly workMs: number;
  readonly ageMs: number;
}

/**
 * Takes CPU from those who may lose it, for those who may not: while a critical consumer suffers and the machine is short
 * of CPU, best-effort and then normal consumers are slowed step by step; when all is well they get back what they had.
 * Decides only.
 */
export class Shedding {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen[]>();
  /** Rates of those who have no gate, when they were not slowed. */
  readonly #rates = new Map<string, { atMs: number; ok: number; fps: number | undefined }>();
  /** What a critical consumer's slower pictures take when there is CPU enough, milliseconds. */
  readonly #usual = new Map<string, number>();
  readonly #slowed = new Map<string, Slowed>();
  #level = 0;
  #changedMs = Number.NEGATIVE_INFINITY;
  #wellSinceMs: number | undefined;
  #stepUpMs: number = STEP_UP_MS.first;
  #steppedUp = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anybody is slowed. */
  get active(): boolean {
    return this.#slowed.size > 0;
  }

  /** A result of a critical consumer. */
  record({
    camera,
    consumer,
    age_ms: ageMs,
    hops_ms: hops,
  }: Pick<ResultMessage, 'camera' | 'consumer' | 'age_ms' | 'hops_ms'>): void {
    // Who was not asked, because it is not there, says nothing about the CPU.
    if (hops.sent === null) return;
    const seen = this.#seenOf(`${camera}/${consumer}`);
    if (seen.length >= SEEN_LIMIT) seen.shift();
    seen.push({ atMs: this.#clock.nowMs(), workMs: hops.decided - hops.taken, ageMs });
  }

  /**
   * Looks at everybody; to be called about once a second.
   *
   * @param wanted False: nobody is to be slowed, and who is gets back what he had at once.
   * @returns whose gate must change, if anybody's.
   */
  look(consumers: readonly SheddableConsumer[], pressure: CpuPressureReading | undefined, wanted = true): ShedChange[] {
    const now = this.#clock.nowMs();
    const critical = consumers.filter((c) => c.sla === 'critical');
    this.#forget(consumers);
    const short = pressure !== undefined && (pressure.idle < SHORT.idle || (pressure.waiting ?? 0) > SHORT.waiting);
    if (!short) for (const c of critical) this.#learn(c);
    const suffering = critical.find((c) => this.#strain(c) > (c.breaching ? WELL : 1));
    if (!wanted) this.#level = 0;
    if (this.#level === 0) this.#measureRates(consumers, now);
    if (wanted && suffering && short) this.#down(now);
    // With CPU to spare nobody suffers from a lack of it, whatever else is slow.
    else if (!short || critical.every((c) => this.#strain(c) < WELL)) this.#up(now);
    else this.#wellSinceMs = undefined;
    return this.#changes(consumers, suffering);
  }

  #down(now: number): void {
    this.#wellSinceMs = undefined;
    if (this.#level === LEVELS.length - 1 || now - this.#changedMs < STEP_DOWN_MS) return;
    if (this.#steppedUp) this.#stepUpMs = Math.min(STEP_UP_MS.most, this.#stepUpMs * 2);
    this.#steppedUp = false;
    this.#level += 1;
    this.#changedMs = now;
  }

  #up(now: number): void {
    this.#wellSinceMs ??= now;
    if (this.#level === 0) {
      // Well for long without taking anything from anybody: what was learned is over.
      if (now - this.#wellSinceMs >= STEP_UP_MS.most) this.#stepUpMs = STEP_UP_MS.first;
      return;
    }
    if (now - Math.max(this.#wellSinceMs, this.#changedMs) < this.#stepUpMs) return;
    this.#steppedUp = true;
    this.#level -= 1;
    this.#changedMs = now;
  }

  #changes(consumers: readonly SheddableConsumer[], suffering: SheddableConsumer | undefined): ShedChange[] {
    const level = LEVELS[this.#level] ?? { bestEffort: 1, normal: 1 };
    const changes: ShedChange[] = [];
    for (const c of consumers) {
      const key = `${c.camera}/${c.consumer}`;
      const factor = c.sla === 'best-effort' ? level.bestEffort : c.sla === 'normal' ? level.normal : 1;
      const before = this.#slowed.get(key);
      const rate = c.fps ?? this.#rates.get(key)?.fps;
      const slowed =
        factor === 1 || rate === undefined || rate <= 0
          ? undefined
          : { fps: round(rate * factor), reason: reasonOf(suffering, before) };
      if (slowed?.fps === before?.fps) continue;
      if (slowed) this.#slowed.set(key, slowed);
      else this.#slowed.delete(key);
      const { camera, consumer, sla } = c;
      changes.push({ camera, consumer, sla, slowed: slowed ?? null });
    }
    return changes;
  }

  /** How near a consumer's slower pictures are to what is too much: 1 is there. */
  #strain(c: SheddableConsumer): number {
    const key = `${c.camera}/${c.consumer}`;
    const seen = this.#recent(c);
    // Not even a timeout: its worker still has the picture before.
    if (seen.length === 0) return c.breaching ? Number.POSITIVE_INFINITY : 0;
    const turnMs = turnOf(c);
    const workMs = quantile(
      seen.map((s) => s.workMs),
      SLOWER_QUANTILE,
    );
    const usualMs = this.#usual.get(key);
    return Math.max(
      turnMs > 0 ? workMs / turnMs / MOST.ofTurn : 0,
      usualMs === undefined ? 0 : workMs / usualMs / MOST.timesUsual,
      c.maxAgeMs === undefined
        ? 0
        : quantile(
            seen.map((s) => s.ageMs),
            SLOWER_QUANTILE,
          ) /
            c.maxAgeMs /
            MOST.ofAge,
    );
  }

  /** What its slower pictures take when there is CPU enough. */
  #learn(c: SheddableConsumer): void {
    const key = `${c.camera}/${c.consumer}`;
    const seen = this.#recent(c);
    if (seen.length === 0) return;
    const workMs = quantile(
      seen.map((s) => s.workMs),
      SLOWER_QUANTILE,
    );
    const before = this.#usual.get(key) ?? workMs;
    this.#usual.set(key, before + (workMs - before) * USUAL_SHARE);
  }

  #seenOf(key: string): Seen[] {
    const known = this.#seen.get(key) ?? [];
    this.#seen.set(key, known);
    return known;
  }

  /** What was seen of the last seconds, or turns of one that has few. */
  #recent(c: SheddableConsumer): Seen[] {
    const known = this.#seenOf(`${c.camera}/${c.consumer}`);
    const fromMs = this.#clock.nowMs() - Math.max(RECENT.ms, RECENT.turns * turnOf(c));
    while (known[0] && known[0].atMs < fromMs) known.shift();
    return known;
  }

  #measureRates(consumers: readonly SheddableConsumer[], now: number): void {
    for (const c of consumers) {
      if (c.fps !== undefined) continue;
      const key = `${c.camera}/${c.consumer}`;
      const before = this.#rates.get(key);
      if (before && now - before.atMs < RECENT.ms) continue;
      const fps = before && now > before.atMs ? ((c.ok - before.ok) * 1000) / (now - before.atMs) : undefined;
      this.#rates.set(key, { atMs: now, ok: c.ok, fps: fps !== undefined && fps > 0 ? fps : before?.fps });
    }
  }

  #forget(consumers: readonly SheddableConsumer[]): void {
    const there = new Set(consumers.map((c) => `${c.camera}/${c.consumer}`));
    for (const map of [this.#seen, this.#usual, this.#rates, this.#slowed])
      for (const key of map.keys()) if (!there.has(key)) map.delete(key);
  }
}

/** Milliseconds that a consumer has for one picture; 0 when not known. */
function turnOf({ sourceIntervalMs, fps }: SheddableConsumer): number {
  return Math.max(sourceIntervalMs, fps === undefined ? 0 : 1000 / fps);
}

function reasonOf(suffering: SheddableConsumer | undefined, before: Slowed | undefined): string {
  if (!suffering) return before?.reason ?? 'a critical consumer was short of CPU';
  return `${suffering.camera}/${suffering.consumer} (critical) is short of CPU`;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function round(value: number): number {
  return Math.max(0.001, Math.round(value * 1000) / 1000);
}

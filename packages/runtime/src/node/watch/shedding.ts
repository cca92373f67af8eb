import type { Clock } from '@vigia/base';
import type { ResultMessage, SlaClass, Slowed } from '@vigia/contracts';
import type { CpuPressureReading } from '#core/cpu';

/** A consumer, as the policy sees it. */
export interface SheddableConsumer {
  readonly camera: string;
  readonly consumer: string;
  readonly sla: SlaClass;
  /** The configured gate; undefined: no limit. */
  readonly fps: number | undefined;
  /** Milliseconds between two frames of its camera; 0 when unknown. */
  readonly sourceIntervalMs: number;
  readonly maxAgeMs: number | undefined;
  /** Ok results so far. */
  readonly ok: number;
  /** Its camera is live, its worker or model is running, and its SLA is breached. */
  readonly breaching: boolean;
}

/** A gate to be changed. */
export interface ShedChange {
  readonly camera: string;
  readonly consumer: string;
  readonly sla: SlaClass;
  /** Null restores the configured rate. */
  readonly slowed: Slowed | null;
}

/** The factors of each level: best-effort consumers are slowed first, then normal ones. */
const LEVELS: readonly { readonly bestEffort: number; readonly normal: number }[] = [
  { bestEffort: 1, normal: 1 },
  { bestEffort: 1 / 2, normal: 1 },
  { bestEffort: 1 / 4, normal: 1 },
  { bestEffort: 1 / 8, normal: 1 },
  { bestEffort: 1 / 16, normal: 1 / 2 },
  { bestEffort: 1 / 16, normal: 1 / 4 },
];
/** The machine is short of CPU below this idle share, or above this share of time in which a task waits. */
const SHORT = { idle: 0.1, waiting: 0.3 } as const;
/**
 * A critical consumer is strained when the 90th percentile of its working time exceeds this share of its interval, its
 * age this share of its maximum, or its working time this multiple of the usual one.
 */
const MOST = { ofTurn: 0.7, ofAge: 0.7, timesUsual: 2 } as const;
/** It is relaxed below this share of each limit. */
const WELL = 0.7;
/** Smoothing of the usual working time: about half a minute. */
const USUAL_SHARE = 1 / 30;
const SLOWER_QUANTILE = 0.9;
/** The window of recent results: this long, or this many intervals. */
const RECENT = { ms: 3_000, turns: 3 } as const;
/** Results kept per consumer: 3 s at 60 per second, also while shedding is off. */
const SEEN_LIMIT = 180;
/** Time between two steps down, so that one can take effect. Milliseconds. */
const STEP_DOWN_MS = 2_000;
/** How long all must be relaxed before a step up. Doubled when strain follows a step up. Milliseconds. */
const STEP_UP_MS = { first: 10_000, most: 300_000 } as const;

interface Seen {
  readonly atMs: number;
  /** From taking a picture to its result: how long the consumer works on it. */
  readonly workMs: number;
  readonly ageMs: number;
}

/**
 * Takes CPU from less important consumers. While a critical consumer is strained and the machine is short of CPU,
 * best-effort and then normal consumers are slowed step by step; afterwards their rates are restored. Only decides; the
 * caller sets the rates.
 */
export class Shedding {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen[]>();
  /** Measured rates of consumers without a gate, while not slowed. */
  readonly #rates = new Map<string, { atMs: number; ok: number; fps: number | undefined }>();
  /**
   * The usual 90th percentile of a critical consumer's working time while the machine has CPU to spare, milliseconds.
   */
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

  /** Whether any consumer is slowed. */
  get active(): boolean {
    return this.#slowed.size > 0;
  }

  /** The slowed consumers of a camera, as last decided. */
  slowedOf(camera: string): ReadonlyMap<string, Slowed> {
    const prefix = `${camera}/`;
    const ofCamera = [...this.#slowed].filter(([key]) => key.startsWith(prefix));
    return new Map(ofCamera.map(([key, slowed]) => [key.slice(prefix.length), slowed]));
  }

  /** Takes a result of a critical consumer. */
  record({
    camera,
    consumer,
    age_ms: ageMs,
    hops_ms: hops,
  }: Pick<ResultMessage, 'camera' | 'consumer' | 'age_ms' | 'hops_ms'>): void {
    // A picture that was never sent, because the worker or model was not running, shows nothing about the CPU.
    if (hops.sent === null) return;
    const seen = this.#seenOf(`${camera}/${consumer}`);
    if (seen.length >= SEEN_LIMIT) seen.shift();
    seen.push({ atMs: this.#clock.nowMs(), workMs: hops.decided - hops.taken, ageMs });
  }

  /**
   * Decides which rates to change. Call it about once a second.
   *
   * @param wanted False: slows none, and restores all rates at once.
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
    // With CPU to spare, strain has another cause.
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
      // After a long time without strain or shedding, forget the doubled wait.
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

  /** How close a consumer is to the limits of {@link MOST}: 1 is at a limit. */
  #strain(c: SheddableConsumer): number {
    const key = `${c.camera}/${c.consumer}`;
    const seen = this.#recent(c);
    // Without even a timeout: its worker still holds the previous picture.
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

  /** Updates the usual working time. */
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

  /** Results within the window of {@link RECENT}. Drops older ones. */
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

/** The time that a consumer has for one picture, milliseconds; 0 when unknown. */
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

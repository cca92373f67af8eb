import type { Clock } from '@vigia/base';
import type { ResultMessage, SlaClass, SlaWindow } from '@vigia/contracts';
import { Gate } from '@vigia/frame-supplier';

/** Options of {@link SlaMeter}. */
export interface SlaMeterOptions {
  readonly sla: SlaClass;
  /** The configured gate; undefined: every frame of the source. */
  readonly fps: number | undefined;
  /** An older ok result is late. Milliseconds. */
  readonly maxAgeMs: number | undefined;
  /** Milliseconds between two frames of the source, as measured. */
  readonly sourceIntervalMs: () => number;
  readonly clock: Clock;
}

/** What is looked at when a bucket is closed. */
export interface SlaLook {
  /** The camera gives pictures. */
  readonly live: boolean;
  /** The worker or model has been ready at least once: before, nothing was promised. */
  readonly begun: boolean;
  readonly inFlight: number;
}

/** What of an SLA is not kept. */
export interface SlaBreach {
  /** Turns without an ok result, or ok results that are too old. */
  readonly cause: 'drops' | 'age';
  /** For people. */
  readonly message: string;
}

interface Bucket {
  readonly liveMs: number;
  readonly turns: number;
  readonly ok: number;
  readonly late: number;
  /** Results that are not ok: drops without a doubt. */
  readonly notOk: number;
}

/** Largest share of turns without an ok result, and of ok results that are late (WL3). */
const BUDGET: Readonly<Record<SlaClass, number>> = { critical: 0, high: 0.1, normal: 0.5, 'best-effort': 1 };
/** The window; of a gate that is so slow that it has few turns in a minute, so many turns. */
const WINDOW = { ms: 60_000, turns: 10 } as const;
/** Before so much was seen nothing is breached. */
const LEAST = { liveMs: 5_000, turns: 3 } as const;
/** A breach is over when the shares are this far below the budget, for so long: once per crossing. */
const RECOVERED = { share: 0.8, ms: 5_000 } as const;

/**
 * One consumer against its SLA: drop ratio = 1 − ok results / turns, turns = min(gate, source rate) × live time, over the
 * last 60 s in which its camera was live (WL3). Turns are counted frame by frame: those that the gate would give to a
 * consumer that is always free, so that a hiccup of the camera owes nothing. The gate is the configured one: being slowed
 * is no excuse.
 */
export class SlaMeter {
  readonly #o: SlaMeterOptions;
  #buckets: Bucket[] = [];
  #ok = 0;
  #late = 0;
  #notOk = 0;
  /** That of a consumer that is always free. */
  readonly #gate: Gate;
  #turns = 0;
  #lookedMs: number | undefined;
  #inFlight = 0;
  #begun = false;
  #breach: SlaBreach | null = null;
  #keptSinceMs: number | undefined;
  #breaches = 0;

  constructor(options: SlaMeterOptions) {
    this.#o = options;
    this.#gate = new Gate(options.fps, options.sourceIntervalMs);
  }

  /** What is breached, as it was when it began; null when nothing is. */
  get breach(): SlaBreach | null {
    return this.#breach;
  }

  /** A frame of the camera, whoever takes it. Once per frame: does not allocate. @param capturedMs Monotonic. */
  offered(capturedMs: number): void {
    if (!this.#gate.due(capturedMs)) return;
    this.#gate.taken(capturedMs);
    this.#turns += 1;
  }

  /** A result of the consumer. */
  record(result: Pick<ResultMessage, 'status' | 'age_ms'>): void {
    if (result.status !== 'ok') {
      this.#notOk += 1;
      return;
    }
    this.#ok += 1;
    if (this.#o.maxAgeMs !== undefined && result.age_ms > this.#o.maxAgeMs) this.#late += 1;
  }

  /** Closes a bucket; to be called about twice a second. @returns a crossing, once. */
  look(look: SlaLook): 'breached' | 'recovered' | undefined {
    const now = this.#o.clock.nowMs();
    // The time in which it became ready is not counted: what came before was told that it was not.
    const begun = this.#begun;
    this.#begun ||= look.begun;
    this.#inFlight = look.inFlight;
    const lastedMs = now - (this.#lookedMs ?? now);
    this.#lookedMs = now;
    if (begun && look.live && lastedMs > 0) {
      this.#buckets.push({
        liveMs: lastedMs,
        turns: this.#turns,
        ok: this.#ok,
        late: this.#late,
        notOk: this.#notOk,
      });
      this.#trim();
    }
    this.#turns = 0;
    this.#ok = 0;
    this.#late = 0;
    this.#notOk = 0;
    return this.#judge(now);
  }

  window(): SlaWindow {
    const { liveMs, turns, ok } = this.#totals();
    const { dropRatio, lateRatio } = this.#ratios();
    return {
      live_ms: Math.round(liveMs),
      turns,
      ok,
      drop_ratio: round(dropRatio),
      late_ratio: lateRatio === null ? null : round(lateRatio),
      budget: BUDGET[this.#o.sla],
      breaching: this.#breach !== null,
      breaches: this.#breaches,
    };
  }

  #trim(): void {
    let over = this.#buckets.reduce((sum, bucket) => sum + bucket.liveMs, 0) - this.#windowMs;
    while (over > 0 && this.#buckets.length > 1) over -= this.#buckets.shift()?.liveMs ?? over;
  }

  get #windowMs(): number {
    const { fps } = this.#o;
    return fps === undefined ? WINDOW.ms : Math.max(WINDOW.ms, (WINDOW.turns * 1000) / fps);
  }

  #totals(): Bucket {
    const total = { liveMs: 0, turns: 0, ok: 0, late: 0, notOk: 0 };
    for (const { liveMs, turns, ok, late, notOk } of this.#buckets) {
      total.notOk += notOk;
      total.liveMs += liveMs;
      total.turns += turns;
      total.ok += ok;
      total.late += late;
    }
    return total;
  }

  /** Of turns that nobody took, one at the edges of the window and the one in flight are no drops. */
  #ratios(): { readonly dropped: number; readonly dropRatio: number; readonly lateRatio: number | null } {
    const { turns, ok, late, notOk } = this.#totals();
    const untaken = turns - ok - notOk - 1 - this.#inFlight;
    const dropped = notOk + Math.max(0, untaken);
    const lateRatio = this.#o.maxAgeMs === undefined ? null : ok === 0 ? 0 : late / ok;
    return { dropped, dropRatio: turns > 0 ? Math.min(1, dropped / turns) : 0, lateRatio };
  }

  #judge(now: number): 'breached' | 'recovered' | undefined {
    const { liveMs, turns } = this.#totals();
    if (liveMs < LEAST.liveMs || turns < LEAST.turns) return undefined;
    const { dropRatio, lateRatio } = this.#ratios();
    const worst = Math.max(dropRatio, lateRatio ?? 0);
    if (this.#breach === null) {
      if (this.#within(worst, 1)) return undefined;
      this.#breach = this.#describe();
      this.#breaches += 1;
      this.#keptSinceMs = undefined;
      return 'breached';
    }
    if (!this.#within(worst, RECOVERED.share)) {
      this.#keptSinceMs = undefined;
      return undefined;
    }
    this.#keptSinceMs ??= now;
    if (now - this.#keptSinceMs < RECOVERED.ms) return undefined;
    this.#breach = null;
    return 'recovered';
  }

  /** Whether a share is within the budget times a factor. Critical allows none; the others allow less than theirs. */
  #within(share: number, factor: number): boolean {
    const budget = BUDGET[this.#o.sla];
    if (budget === 1) return true;
    return budget === 0 ? share === 0 : share < budget * factor;
  }

  #describe(): SlaBreach {
    const { sla, maxAgeMs } = this.#o;
    const { turns, ok, late, liveMs } = this.#totals();
    const { dropped, dropRatio, lateRatio } = this.#ratios();
    const allowed = BUDGET[sla] === 0 ? 'none is allowed' : `less than ${BUDGET[sla] * 100} % is allowed`;
    const cause = dropRatio >= (lateRatio ?? 0) ? 'drops' : 'age';
    const what =
      cause === 'drops'
        ? `has ${dropped} of ${turns} turns without an ok result (${percent(dropRatio)})`
        : `has ${late} of ${ok} ok results older than ${maxAgeMs} ms (${percent(lateRatio ?? 0)})`;
    return { cause, message: `${what} in the last ${Math.round(liveMs / 1000)} s; ${sla}: ${allowed}` };
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

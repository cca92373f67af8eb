import type { Clock } from '@vigia/base';
import type { ResultMessage, SlaClass, SlaWindow } from '@vigia/contracts';
import { Gate } from '@vigia/frame-supplier';

/** Options of {@link SlaMeter}. */
export interface SlaMeterOptions {
  readonly sla: SlaClass;
  /** The configured gate; undefined: every frame of the source. */
  readonly fps: number | undefined;
  /** An ok result older than this is late. Milliseconds. */
  readonly maxAgeMs: number | undefined;
  /** The measured interval between two frames of the source, milliseconds. */
  readonly sourceIntervalMs: () => number;
  readonly clock: Clock;
}

/** The input of a look, which closes a bucket. */
export interface SlaLook {
  /** Whether the camera delivers pictures. */
  readonly live: boolean;
  /** Whether the worker or model has been ready at least once. Before that, nothing is owed. */
  readonly begun: boolean;
  readonly inFlight: number;
}

/** How an SLA is breached. */
export interface SlaBreach {
  /** Turns without an ok result, or ok results that are too old. */
  readonly cause: 'drops' | 'age';
  /** For display. */
  readonly message: string;
}

interface Bucket {
  readonly liveMs: number;
  readonly turns: number;
  readonly ok: number;
  readonly late: number;
  /** Results that are not ok. All of them are drops. */
  readonly notOk: number;
}

/** The largest share of turns without an ok result, and of ok results that are late (WL3). */
const BUDGET: Readonly<Record<SlaClass, number>> = { critical: 0, high: 0.1, normal: 0.5, 'best-effort': 1 };
/** The length of the window. A slow gate has few turns in a minute; its window covers this many. */
const WINDOW = { ms: 60_000, turns: 10 } as const;
/** There is no breach before this much was observed. */
const LEAST = { liveMs: 5_000, turns: 3 } as const;
/**
 * A breach ends when the shares have been this far below the budget for this long, so that each crossing is reported
 * once.
 */
const RECOVERED = { share: 0.8, ms: 5_000 } as const;

/**
 * Measures one consumer against its SLA (WL3): drop ratio = 1 − ok results / turns, turns = min(gate, source rate) ×
 * live time, over the last 60 s in which its camera was live. Turns are counted by frame: those that the gate would
 * pass to a consumer that is always free. So frames that the camera did not deliver are not owed. Uses the configured
 * gate: a slowed consumer still owes its full rate.
 */
export class SlaMeter {
  #o: SlaMeterOptions;
  #buckets: Bucket[] = [];
  #ok = 0;
  #late = 0;
  #notOk = 0;
  /** The gate of a consumer that is always free. */
  readonly #gate: Gate;
  #turns = 0;
  #lookedMs: number | undefined;
  #inFlight = 0;
  #begun = false;
  /** What the latest result said that was not ok. */
  #failure = '';
  #breach: SlaBreach | null = null;
  #breachedMs = 0;
  #lastedMs = 0;
  #keptSinceMs: number | undefined;
  #breaches = 0;

  constructor(options: SlaMeterOptions) {
    this.#o = options;
    this.#gate = new Gate(options.fps, options.sourceIntervalMs);
  }

  /** The current breach, as it was when it began; null without one. */
  get breach(): SlaBreach | null {
    return this.#breach;
  }

  /** How long the last breach that is over lasted, milliseconds. */
  get lastedMs(): number {
    return this.#lastedMs;
  }

  /**
   * The camera published a frame. Called once per frame; does not allocate. @param nowMs Monotonic: what is owed is measured in
   * the node's time, because a camera's clock may stand still.
   */
  offered(nowMs: number): void {
    if (!this.#gate.due(nowMs)) return;
    this.#gate.taken(nowMs);
    this.#turns += 1;
  }

  /** Other terms from now on. What was counted stays counted, and is judged by them. */
  tune(terms: Pick<SlaMeterOptions, 'sla' | 'fps' | 'maxAgeMs'>): void {
    this.#o = { ...this.#o, ...terms };
    this.#gate.setFps(terms.fps);
  }

  /** Takes a result of the consumer. */
  record(result: Pick<ResultMessage, 'status' | 'age_ms' | 'error'>): void {
    if (result.status !== 'ok') {
      this.#notOk += 1;
      this.#failure = result.error === null ? result.status : `${result.status}, ${result.error.message}`;
      return;
    }
    this.#ok += 1;
    if (this.#o.maxAgeMs !== undefined && result.age_ms > this.#o.maxAgeMs) this.#late += 1;
  }

  /** Closes a bucket. Call it about twice a second. @returns a crossing, once. */
  look(look: SlaLook): 'breached' | 'recovered' | undefined {
    const now = this.#o.clock.nowMs();
    // The bucket in which the worker became ready does not count: its first results may be from before.
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

  /** One missing turn at the edges of the window and the one in flight are not drops. */
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
      this.#breachedMs = now;
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
    this.#lastedMs = this.#keptSinceMs - this.#breachedMs;
    return 'recovered';
  }

  /**
   * Whether a share is within the budget times a factor. Critical allows none, so the share must be 0; for the others
   * it must be below the product.
   */
  #within(share: number, factor: number): boolean {
    const budget = BUDGET[this.#o.sla];
    if (budget === 1) return true;
    return budget === 0 ? share === 0 : share < budget * factor;
  }

  #describe(): SlaBreach {
    const { sla, maxAgeMs } = this.#o;
    const { turns, ok, late, notOk, liveMs } = this.#totals();
    const { dropped, dropRatio, lateRatio } = this.#ratios();
    const allowed = BUDGET[sla] === 0 ? 'none' : `less than ${BUDGET[sla] * 100} %`;
    const cause = dropRatio >= (lateRatio ?? 0) ? 'drops' : 'age';
    const time = `in the last ${Math.round(liveMs / 1000)} s`;
    const what =
      cause === 'drops'
        ? `gave no answer to ${dropped} of ${turns} pictures (${percent(dropRatio)}) ${time}, ${notOk > 0 ? `lastly ${this.#failure}` : 'because it was busy'}`
        : `gave ${late} of ${ok} answers later than after ${maxAgeMs} ms (${percent(lateRatio ?? 0)}) ${time}`;
    return { cause, message: `${what}; ${sla} allows ${allowed}` };
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

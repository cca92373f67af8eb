import { IDLE_INTERVALS, idleRestartMs, type WorkerConsumerSetup } from '#core/camera-link';
import type { EndReason, Health } from './lifecycle.ts';

/** The input of a check of a worker, about twice a second. */
export interface WorkerLook {
  /** Whether a frame was sent and is not answered. */
  readonly frameOut: boolean;
  /** For how long it has had a frame, or could have had one, without an answer. Milliseconds; 0 when it waits for one. */
  readonly waitingMs: number;
  /** Milliseconds between two frames that it should get. */
  readonly intervalMs: number;
  /** How its SLA is breached; null while it is kept. */
  readonly breach: string | null;
}

/** What follows from a look: the worker must end, or is in this state of health; undefined when nothing has changed. */
export type Diagnosis =
  | { readonly kind: 'fatal'; readonly reason: EndReason; readonly healthyUntilMs: number }
  | { readonly kind: 'health'; readonly state: Health; readonly reason: EndReason | null }
  | undefined;

/** Checks come twice a second. A longer gap means that this process was suspended. Milliseconds. */
const STOOD_STILL_MS = 3_000;
/** A worker that gets frames and answers none for this long is idle. Milliseconds. */
const IDLE_MS = 10_000;

const NO_ANSWER: EndReason = { code: 'no_answer', message: 'answers none, though frames come' };
const NO_FRAMES: EndReason = { code: 'no_frames', message: 'gets no frames: its camera gives none' };

/**
 * The signs of life of a worker that is up, and what they mean: whether it hangs, is idle, breaches its SLA or runs. Does not
 * count the time in which this process was suspended, with its machine or container. All times are monotonic
 * milliseconds.
 */
export class WorkerVitals {
  readonly #critical: boolean;
  readonly #hangMs: number;
  /** When the worker became ready. */
  #readyMs = 0;
  /** When it last answered since then; undefined before its first answer. */
  #answeredMs: number | undefined;
  /** When it last sent any message, or received a frame. */
  #signMs = 0;
  #lookedMs: number | undefined;
  /** Its wait at the last check, and the part of that wait spent suspended. */
  #waitingMs = 0;
  #stoodStillMs = 0;

  constructor({ sla, worker }: WorkerConsumerSetup) {
    this.#critical = sla === 'critical';
    this.#hangMs = worker.hangTimeoutMs;
  }

  ready(nowMs: number): void {
    this.#readyMs = nowMs;
    this.#answeredMs = undefined;
    this.#signMs = nowMs;
  }

  answered(nowMs: number): void {
    this.#answeredMs = nowMs;
    this.#signMs = nowMs;
  }

  /** Any sign of life, and the start of a frame that it has to answer. */
  sign(nowMs: number): void {
    this.#signMs = nowMs;
  }

  /** Takes note of a look, also while the worker is not up. */
  observe({ waitingMs }: WorkerLook, nowMs: number): void {
    const sinceMs = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    if (sinceMs >= STOOD_STILL_MS) this.#excuse(sinceMs, nowMs);
    // A shorter wait belongs to another frame, to which the excuse does not apply.
    if (waitingMs < this.#waitingMs) this.#stoodStillMs = 0;
    this.#waitingMs = waitingMs;
  }

  /** To be called after `observe`, for a worker that is up. */
  diagnose(look: WorkerLook, nowMs: number): Diagnosis {
    const silentMs = nowMs - this.#signMs;
    if (look.frameOut && silentMs >= this.#hangMs) {
      const message = `gave no sign for ${seconds(silentMs)} with a frame in its hands`;
      return { kind: 'fatal', reason: { code: 'hung', message }, healthyUntilMs: this.#signMs };
    }
    const waitingMs = look.waitingMs === 0 ? 0 : Math.max(1, look.waitingMs - this.#stoodStillMs);
    if (this.#critical && waitingMs >= idleRestartMs(look.intervalMs)) {
      const message = `answered nothing for ${seconds(waitingMs)} while frames came`;
      return { kind: 'fatal', reason: { code: 'idle', message }, healthyUntilMs: nowMs - waitingMs };
    }
    return this.#health(look, waitingMs, nowMs);
  }

  #health({ intervalMs, breach }: WorkerLook, waitingMs: number, nowMs: number): Diagnosis {
    const idleMs = Math.max(IDLE_MS, IDLE_INTERVALS * intervalMs);
    if (waitingMs >= idleMs) return { kind: 'health', state: 'idle', reason: NO_ANSWER };
    if (waitingMs === 0 && nowMs - (this.#answeredMs ?? this.#readyMs) >= idleMs)
      return { kind: 'health', state: 'idle', reason: NO_FRAMES };
    if (breach !== null) return { kind: 'health', state: 'breaching', reason: { code: 'sla', message: breach } };
    return this.#answeredMs === undefined ? undefined : { kind: 'health', state: 'running', reason: null };
  }

  /** The worker was suspended as well, so that time does not count against it. */
  #excuse(ms: number, nowMs: number): void {
    const shifted = (atMs: number): number => Math.min(nowMs, atMs + ms);
    this.#signMs = shifted(this.#signMs);
    this.#readyMs = shifted(this.#readyMs);
    this.#answeredMs = this.#answeredMs === undefined ? undefined : shifted(this.#answeredMs);
    this.#stoodStillMs += ms;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

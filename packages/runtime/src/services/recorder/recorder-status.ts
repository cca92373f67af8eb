import type { Clock, Log } from '@vigia/base';
import type { GapReason, RecorderState } from '#core/footage';
import { troubleOf } from './trouble.ts';

const RETRY_MS = 1_000;

/** What a recorder says of itself: its state, and its last failure until it could write again. */
export class RecorderStatus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onState: (state: RecorderState) => void;
  #state: RecorderState = { state: 'waiting', reason: null, message: null };
  #trouble: RecorderState | undefined;
  #retryAtMs = 0;

  constructor(clock: Clock, log: Log, onState: (state: RecorderState) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#onState = onState;
  }

  /** The last failure; undefined once something could be written. */
  get trouble(): RecorderState | undefined {
    return this.#trouble;
  }

  /** Whether another attempt is due. */
  get mayTry(): boolean {
    return this.#clock.nowMs() >= this.#retryAtMs;
  }

  /** An attempt failed: the next one is due in a second. Returns the reason. */
  failed(error: unknown, dir: string): GapReason {
    this.#retryAtMs = this.#clock.nowMs() + RETRY_MS;
    const { reason, message } = troubleOf(error, dir);
    if (this.#trouble?.message !== message) this.#log.warn(message);
    this.#trouble = { state: 'paused', reason, message };
    this.put(this.#trouble);
    return reason;
  }

  /** Something could be written. */
  recovered(): void {
    this.#trouble = undefined;
  }

  /** Says a state, if it is another one. */
  put(state: RecorderState): void {
    const { state: name, reason, message } = this.#state;
    if (state.state === name && state.reason === reason && state.message === message) return;
    this.#state = state;
    this.#onState(state);
  }
}

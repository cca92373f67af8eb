import { createHash } from 'node:crypto';
import { type Clock, VigiaError } from '@vigia/base';

/** How many answers are remembered, and for how long, milliseconds. */
const LIMIT = 1_000;
const KEEP_MS = 86_400_000;

interface Done {
  readonly fingerprint: string;
  readonly atMs: number;
  readonly answer: Promise<unknown>;
}

/**
 * Requests with an `Idempotency-Key`: the second one with a key gets the answer of the first one, and does nothing. A
 * request that failed is forgotten, because it changed nothing: the next one with its key is tried. In memory: a node
 * that starts again knows no keys.
 */
export class Repeats {
  readonly #clock: Clock;
  /** In order of their first request. */
  readonly #done = new Map<string, Done>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does the work, unless it was done before. @param request What the key must always be used for.
   *
   * @throws VigiaError `key_reused` when the key was used for another request; what the work throws.
   */
  once<T>(key: string, request: readonly string[], work: () => Promise<T>): Promise<T> {
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('base64');
    const nowMs = this.#clock.nowMs();
    this.#forget(nowMs);
    const before = this.#done.get(key);
    if (before && before.fingerprint !== fingerprint)
      throw new VigiaError('key_reused', 'Idempotency-Key (over MQTT: id): it was used for another request');
    if (before) return before.answer as Promise<T>;
    const answer = work();
    this.#done.set(key, { fingerprint, atMs: nowMs, answer });
    answer.catch(() => this.#done.delete(key));
    return answer;
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#done) {
      if (this.#done.size < LIMIT && nowMs - atMs < KEEP_MS) return;
      this.#done.delete(key);
    }
  }
}

import type { Clock } from '@vigia/base';

/** Options of {@link Attempts}. */
export interface AttemptsOptions {
  readonly clock: Clock;
  /** How many may fail in a row. */
  readonly burst: number;
  /** One more is allowed after each such time, milliseconds. */
  readonly refillMs: number;
}

/** Names that are remembered. Above it the one that failed longest ago is forgotten. */
const NAMES_LIMIT = 10_000;

/**
 * Counts failed attempts by name: an address, an account. An attempt counts as failed from its beginning, so that many
 * at the same time are no way around; one that succeeds is given back.
 */
export class Attempts {
  readonly #o: AttemptsOptions;
  /** When each name has all of its attempts again, in monotonic milliseconds. In order of the last attempt. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(options: AttemptsOptions) {
    this.#o = options;
  }

  /** Takes an attempt. @returns 0, or after how many milliseconds the next one is allowed. Nothing is taken then. */
  take(name: string): number {
    const { clock, burst, refillMs } = this.#o;
    const nowMs = clock.nowMs();
    const fullAtMs = Math.max(this.#fullAtMs.get(name) ?? nowMs, nowMs) + refillMs;
    const waitMs = fullAtMs - nowMs - burst * refillMs;
    if (waitMs > 0) return waitMs;
    this.#set(name, fullAtMs);
    return 0;
  }

  /** The attempt succeeded. */
  giveBack(name: string): void {
    const fullAtMs = this.#fullAtMs.get(name);
    if (fullAtMs !== undefined) this.#set(name, fullAtMs - this.#o.refillMs);
  }

  #set(name: string, fullAtMs: number): void {
    this.#fullAtMs.delete(name);
    this.#fullAtMs.set(name, fullAtMs);
    if (this.#fullAtMs.size <= NAMES_LIMIT) return;
    const [oldest] = this.#fullAtMs.keys();
    if (oldest !== undefined) this.#fullAtMs.delete(oldest);
  }
}

/** How addresses are counted: an IPv6 address by its network of 64 bits, which one customer has to itself. */
export function addressName(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = plain.includes('::') ? Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0') : [];
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

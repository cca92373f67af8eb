import { type Clock, Deadline } from '@vigia/base';
import { Estimate } from './estimate.ts';

/** One consumer of one camera on one connection. */
export interface TurnKey {
  /** Number of the connection. */
  readonly connection: number;
  readonly camera: string;
  readonly consumer: string;
}

/** A permission to send one `infer`. */
export interface Grant {
  readonly id: string;
  /** How long it is valid, milliseconds; `expires_ms` on the wire. */
  readonly lifetimeMs: number;
}

interface Outstanding {
  readonly grant: Grant;
  readonly key: TurnKey;
  readonly givenMs: number;
}

/** The grants that were given and are neither used, taken back nor expired. */
export class Grants {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #onExpired: () => void;
  readonly #expiry: Deadline;
  readonly #use: Estimate;
  /** Oldest first. */
  #outstanding: Outstanding[] = [];
  #given = 0;
  #expired = 0;

  /**
   * @param lifetimeMs How long a grant may stay unused.
   * @param expectedUseMs The value of {@link Grants.useMs} before the first use.
   * @param onExpired Called after grants have expired.
   */
  constructor(clock: Clock, lifetimeMs: number, expectedUseMs: number, onExpired: () => void) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#onExpired = onExpired;
    this.#use = new Estimate(expectedUseMs);
    this.#expiry = new Deadline(clock, () => this.#expire());
  }

  /** Number of outstanding grants. */
  get outstanding(): number {
    return this.#outstanding.length;
  }

  /** Grants given since the start. */
  get given(): number {
    return this.#given;
  }

  /** Grants that expired since the start. */
  get expired(): number {
    return this.#expired;
  }

  /** Within how many milliseconds most grants are used. */
  get useMs(): number {
    return this.#use.high ?? 0;
  }

  /** A new grant for a key. */
  give(key: TurnKey): Grant {
    this.#given += 1;
    const grant: Grant = { id: `g${this.#given}`, lifetimeMs: this.#lifetimeMs };
    this.#outstanding.push({ grant, key, givenMs: this.#clock.nowMs() });
    // One timer for all grants, hardly ever set again: this runs for every frame.
    if (this.#outstanding.length === 1) this.#expiry.set(this.#lifetimeMs);
    return grant;
  }

  /** Uses up a grant. Returns false when it is not valid for this sender, or not any more. */
  use(id: string, { connection, camera }: Omit<TurnKey, 'consumer'>): boolean {
    const at = this.#outstanding.findIndex(
      ({ grant, key }) => grant.id === id && key.connection === connection && key.camera === camera,
    );
    const [used] = at < 0 ? [] : this.#outstanding.splice(at, 1);
    if (!used) return false;
    this.#use.observe(this.#clock.nowMs() - used.givenMs);
    this.#watchExpiry();
    return true;
  }

  /** Takes back the unused grants of matching keys. */
  takeBack(matches: (key: TurnKey) => boolean): void {
    if (this.#outstanding.length === 0) return;
    this.#outstanding = this.#outstanding.filter((entry) => !matches(entry.key));
    this.#watchExpiry();
  }

  /** Forgets all grants and the timer. */
  close(): void {
    this.#outstanding = [];
    this.#expiry.close();
  }

  #expire(): void {
    const nowMs = this.#clock.nowMs();
    const left = this.#outstanding.filter((entry) => entry.givenMs + this.#lifetimeMs > nowMs);
    this.#expired += this.#outstanding.length - left.length;
    this.#outstanding = left;
    this.#watchExpiry();
    this.#onExpired();
  }

  #watchExpiry(): void {
    const [oldest] = this.#outstanding;
    if (oldest) this.#expiry.set(Math.max(0, oldest.givenMs + this.#lifetimeMs - this.#clock.nowMs()));
    else this.#expiry.clear();
  }
}

import type { Clock, Timer } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';

/** How long a grant may stay unused, milliseconds. */
export const GRANT_MS = 100;

/** A want or an infer in the line. */
export interface Turn {
  readonly kind: 'want' | 'infer';
  /** Number of the connection. */
  readonly owner: object;
  readonly camera: string;
  /** Empty for an `infer`. */
  readonly consumer: string;
  /** Deadline of an `infer`, milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** Its turn: a want receives the id of its grant, an infer starts. */
  readonly begin: (grant: string) => void;
  /** Rejected. Without a code: withdrawn. */
  readonly end: (code?: ContainerErrorCode) => void;
}

/** The line in front of one model: one grant is outstanding, or one frame is being analysed, or nothing waits. */
export class FakeTurns {
  readonly #clock: Clock;
  readonly #line: { readonly turn: Turn; timer: Timer | undefined }[] = [];
  #granted: { readonly id: string; readonly turn: Turn; readonly timer: Timer } | undefined;
  #running = false;
  #grants = 0;
  #expired = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Grants so far, and how many of them expired. */
  get counters(): { readonly grants: number; readonly grants_expired: number } {
    return { grants: this.#grants, grants_expired: this.#expired };
  }

  /** Joins the line. @returns the error code if refused. */
  wait(turn: Turn): ContainerErrorCode | undefined {
    const same = this.#line.some(({ turn: other }) =>
      turn.kind === 'infer' ? other.kind === 'infer' && other.camera === turn.camera : sameKey(other, turn),
    );
    if (same) return turn.kind === 'infer' ? 'overloaded' : 'bad_request';
    const entry: { readonly turn: Turn; timer: Timer | undefined } = { turn, timer: undefined };
    this.#line.push(entry);
    this.#advance();
    // A timer's maximum is 24 days; no test waits longer.
    if (turn.deadlineMs !== undefined && turn.deadlineMs < 2 ** 31 && this.#line.includes(entry))
      entry.timer = this.#clock.after(turn.deadlineMs, () => this.#leave(entry.turn, 'deadline_exceeded'));
    return undefined;
  }

  /** Uses a grant. @returns whether it was valid; then the model is taken until `finished`. */
  use(grant: string, owner: object, camera: string): boolean {
    const granted = this.#granted;
    if (granted?.id !== grant || granted.turn.owner !== owner || granted.turn.camera !== camera) return false;
    granted.timer.cancel();
    this.#granted = undefined;
    this.#running = true;
    return true;
  }

  /** The inference has ended. */
  finished(): void {
    this.#running = false;
    this.#advance();
  }

  /** Withdraws the wants of a connection, or of one of its keys; takes their grant back. */
  withdraw(owner: object, camera?: string, consumer?: string): void {
    const matches = (turn: Turn): boolean =>
      turn.kind === 'want' &&
      turn.owner === owner &&
      (camera === undefined || (turn.camera === camera && turn.consumer === consumer));
    for (const { turn } of this.#line.slice()) if (matches(turn)) this.#leave(turn);
    if (this.#granted && matches(this.#granted.turn)) {
      this.#granted.timer.cancel();
      this.#granted = undefined;
    }
    this.#advance();
  }

  /** Settles everything that waits; nothing starts any more. */
  close(): void {
    this.#running = true;
    this.#granted?.timer.cancel();
    this.#granted = undefined;
    for (const { turn } of this.#line.slice()) this.#leave(turn, turn.kind === 'want' ? undefined : 'closing');
  }

  #leave(turn: Turn, code?: ContainerErrorCode): void {
    const at = this.#line.findIndex((entry) => entry.turn === turn);
    if (at < 0) return;
    this.#line.splice(at, 1)[0]?.timer?.cancel();
    turn.end(code);
  }

  #advance(): void {
    if (this.#running || this.#granted) return;
    const entry = this.#line.shift();
    if (!entry) return;
    entry.timer?.cancel();
    const { turn } = entry;
    if (turn.kind === 'infer') {
      this.#running = true;
      turn.begin('');
      return;
    }
    this.#grants += 1;
    const id = `g${this.#grants}`;
    this.#granted = { id, turn, timer: this.#clock.after(GRANT_MS, () => this.#expire()) };
    turn.begin(id);
  }

  #expire(): void {
    this.#expired += 1;
    this.#granted = undefined;
    this.#advance();
  }
}

function sameKey(a: Turn, b: Turn): boolean {
  return a.kind === b.kind && a.owner === b.owner && a.camera === b.camera && a.consumer === b.consumer;
}

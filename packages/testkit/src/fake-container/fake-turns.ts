import type { Clock, Timer } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';

/** How long a grant may stay unused, milliseconds. */
export const GRANT_MS = 100;

/** A want or an infer that stands in line. */
export interface Turn {
  readonly kind: 'want' | 'infer';
  /** Whose connection. */
  readonly owner: object;
  readonly camera: string;
  /** Empty for an `infer`. */
  readonly consumer: string;
  /** Milliseconds that an `infer` is willing to wait. */
  readonly deadlineMs?: number | undefined;
  /** It is its turn: a want gets the id of its grant, an infer begins. */
  readonly begin: (grant: string) => void;
  /** It will not be. Without a code: withdrawn. */
  readonly end: (code?: ContainerErrorCode) => void;
}

/** The line in front of one model: one grant is out, or one picture is looked at, or nobody waits. */
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

  /** Grants so far, and those of them that nobody used. */
  get counters(): { readonly grants: number; readonly grants_expired: number } {
    return { grants: this.#grants, grants_expired: this.#expired };
  }

  /** Stands in line. @returns why not. */
  wait(turn: Turn): ContainerErrorCode | undefined {
    const same = this.#line.some(({ turn: other }) =>
      turn.kind === 'infer' ? other.kind === 'infer' && other.camera === turn.camera : sameKey(other, turn),
    );
    if (same) return turn.kind === 'infer' ? 'overloaded' : 'bad_request';
    const entry: { readonly turn: Turn; timer: Timer | undefined } = { turn, timer: undefined };
    this.#line.push(entry);
    this.#advance();
    // 24 days are what a timer can count; nobody waits for longer in a test.
    if (turn.deadlineMs !== undefined && turn.deadlineMs < 2 ** 31 && this.#line.includes(entry))
      entry.timer = this.#clock.after(turn.deadlineMs, () => this.#leave(entry.turn, 'deadline_exceeded'));
    return undefined;
  }

  /** Uses a grant. @returns whether it was good; then the model is this one's until `finished`. */
  use(grant: string, owner: object, camera: string): boolean {
    const granted = this.#granted;
    if (granted?.id !== grant || granted.turn.owner !== owner || granted.turn.camera !== camera) return false;
    granted.timer.cancel();
    this.#granted = undefined;
    this.#running = true;
    return true;
  }

  /** The picture was looked at. */
  finished(): void {
    this.#running = false;
    this.#advance();
  }

  /** Wants of a connection, or of one key of it, leave the line; their grant is given back. */
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

  /** Everything that waits is settled; nothing begins any more. */
  close(): void {
    this.#running = true;
    this.#granted?.timer.cancel();
    this.#granted = undefined;
    for (const { turn } of this.#line.slice()) this.#leave(turn, turn.kind === 'want' ? undefined : 'overloaded');
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

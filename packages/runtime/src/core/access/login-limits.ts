import { type Clock, VigiaError } from '@vigia/base';
import { addressName, Attempts } from './attempts.ts';

/** Wrong passwords from one address, and for one account. Then one more per `refillMs`, milliseconds. */
const ADDRESS = { burst: 10, refillMs: 10_000 } as const;
const ACCOUNT = { burst: 20, refillMs: 15_000 } as const;
/** Pairs of an account and an address that are remembered. */
const KNOWN_LIMIT = 1_000;

/** One attempt to log in. It has failed unless it is said to have succeeded. */
export interface LoginAttempt {
  /** The password was not looked at. */
  untried(): void;
  succeeded(): void;
}

/**
 * Limits wrong passwords by address and by account. An address from which an account was used before has a count of its
 * own for it: otherwise anybody could lock a user out by guessing.
 */
export class LoginLimits {
  readonly #addresses: Attempts;
  readonly #accounts: Attempts;
  /** In order of their first login. */
  readonly #known = new Set<string>();

  constructor(clock: Clock) {
    this.#addresses = new Attempts({ clock, ...ADDRESS });
    this.#accounts = new Attempts({ clock, ...ACCOUNT });
  }

  /** @throws VigiaError `too_many` with `retry_after_s`. */
  begin(user: string, from: string): LoginAttempt {
    const address = addressName(from);
    const pair = `${user} ${address}`;
    const isKnown = this.#known.has(pair);
    const account = isKnown ? pair : user;
    // Others at the same address, behind a router or a proxy, must not lock this one out.
    if (!isKnown) refuse(this.#addresses.take(address));
    const waitMs = this.#accounts.take(account);
    const withdraw = (): void => {
      if (!isKnown) this.#addresses.giveBack(address);
    };
    // It was not tried: it does not count against the address.
    if (waitMs > 0) withdraw();
    refuse(waitMs);
    const untried = (): void => {
      withdraw();
      this.#accounts.giveBack(account);
    };
    return {
      untried,
      succeeded: () => {
        untried();
        this.#remember(pair);
      },
    };
  }

  #remember(pair: string): void {
    this.#known.add(pair);
    if (this.#known.size <= KNOWN_LIMIT) return;
    const [oldest] = this.#known;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function refuse(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1_000);
  throw new VigiaError('too_many', `too many wrong passwords; try again in ${seconds} s`, {
    details: { retry_after_s: seconds },
  });
}

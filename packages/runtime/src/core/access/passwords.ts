import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { VigiaError } from '@vigia/base';
import { z } from 'zod';

/**
 * Cost of a hash: 32 MiB and about 0.3 s of one core. One of the equivalent settings for scrypt of the OWASP Password
 * Storage Cheat Sheet: with the 128 MiB of the usual one, a login would take memory from a small machine's models.
 */
const COST: ScryptCost = { n: 15, r: 8, p: 3 };

/** N is 2^n. */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Most memory of one hash, bytes. */
const MEMORY_LIMIT = 64 * 1024 * 1024;
/** Passwords that may wait to be checked. */
const WAITING_LIMIT = 16;

/** `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, base64url. The bounds keep a damaged file from taking memory. */
export const passwordHashSchema: z.ZodString = z.string().regex(/^scrypt\$1[0-5]\$[1-8]\$[1-4]\$[\w-]{22}\$[\w-]{43}$/);

/** Hashes and checks passwords, one at a time: a burst of logins must not take the machine from the cameras. */
export class Passwords {
  readonly #cost: ScryptCost;
  #work: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param cost Of new hashes. A test takes less. */
  constructor(cost: ScryptCost = COST) {
    this.#cost = cost;
  }

  /** @throws VigiaError `busy` */
  hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return this.#inTurn(async () => {
      const hash = await derived(password, salt, this.#cost);
      const { n, r, p } = this.#cost;
      return ['scrypt', n, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
    });
  }

  /**
   * Whether a password is the stored one. Without a stored one it takes the same time and is false, so that the time
   * does not show which users exist.
   *
   * @throws VigiaError `busy`
   */
  matches(password: string, stored: string | null): Promise<boolean> {
    return this.#inTurn(async () => {
      const [, n, r, p, salt = '', hash = ''] = (stored ?? noPassword(this.#cost)).split('$');
      const expected = Buffer.from(hash, 'base64url');
      const cost = { n: Number(n), r: Number(r), p: Number(p) };
      const found = await derived(password, Buffer.from(salt, 'base64url'), cost);
      return timingSafeEqual(found, expected) && stored !== null;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_LIMIT) throw new VigiaError('busy', 'too many logins at the same time; try again');
    this.#waiting += 1;
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/** Of nobody. */
function noPassword({ n, r, p }: ScryptCost): string {
  return ['scrypt', n, r, p, 'A'.repeat(22), 'A'.repeat(43)].join('$');
}

function derived(password: string, salt: Buffer, { n, r, p }: ScryptCost): Promise<Buffer> {
  // The same password must match from every keyboard (RFC 8265, OpaqueString).
  const text = password.normalize('NFC');
  return new Promise((resolve, reject) => {
    scrypt(text, salt, HASH_BYTES, { N: 2 ** n, r, p, maxmem: MEMORY_LIMIT }, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}

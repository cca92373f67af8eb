import { VigiaError } from '@vigia/base';

/** How many may do something at the same time. */
export class Places {
  readonly #limit: number;
  readonly #what: string;
  #taken = 0;

  /** @param what For the sentence: `clips are sent`. */
  constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  /** Runs work in a place of its own. @throws VigiaError `busy` when none is free; what the work throws. */
  async with<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#limit)
      throw new VigiaError('busy', `${this.#limit} ${this.#what} already; ask again in a while`);
    this.#taken += 1;
    try {
      return await work();
    } finally {
      this.#taken -= 1;
    }
  }
}

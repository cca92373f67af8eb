import { VigiaError } from '@vigia/base';

/**
 * The right to use a frame until `release`. Works with `using`. After release `frame` throws `lease_released`.
 *
 * A lease that is forgotten (collected without having been released) is given back then and, unless `NODE_ENV` is
 * `production`, reported as a process warning of code `VIGIA_LEASE_LEAK`, once per reader.
 */
export interface Lease<T> extends Disposable {
  /** Lent: not to be used after `release`. */
  readonly frame: T;
  readonly released: boolean;
  /** Gives the frame back. The second time throws VigiaError `lease_released`. */
  release(): void;
  /** Like `release`, but a second time is fine. */
  [Symbol.dispose](): void;
}

/** What must be given back; apart from the lease, so that it outlives a forgotten one. */
interface Hold<T> {
  readonly reader: string;
  readonly frame: T;
  readonly giveBack: (frame: T) => void;
  released: boolean;
  /** Where it was taken; only in development, because a stack costs microseconds. */
  readonly takenAt: Error | undefined;
}

const development = process.env['NODE_ENV'] === 'development';
const reportLeaks = process.env['NODE_ENV'] !== 'production';
/** Readers that were told already: a loop that forgets every frame would flood the log. */
const reported = new Set<string>();

const forgotten = new FinalizationRegistry<Hold<never>>((hold) => {
  if (hold.released) return;
  hold.released = true;
  hold.giveBack(hold.frame);
  if (!reportLeaks || reported.has(hold.reader)) return;
  reported.add(hold.reader);
  const where =
    hold.takenAt?.stack?.split('\n').slice(2).join('\n') ?? '    (NODE_ENV=development tells where it was taken)';
  process.emitWarning(
    `a frame of reader ${hold.reader} was never released; it was given back when it was forgotten\n${where}`,
    {
      code: 'VIGIA_LEASE_LEAK',
    },
  );
});

class FrameLease<T> implements Lease<T> {
  readonly #hold: Hold<T>;

  constructor(hold: Hold<T>) {
    this.#hold = hold;
  }

  get frame(): T {
    if (this.#hold.released) throw released(this.#hold.reader, 'used after it was released');
    return this.#hold.frame;
  }

  get released(): boolean {
    return this.#hold.released;
  }

  release(): void {
    if (this.#hold.released) throw released(this.#hold.reader, 'released twice');
    this.#hold.released = true;
    forgotten.unregister(this.#hold);
    this.#hold.giveBack(this.#hold.frame);
  }

  [Symbol.dispose](): void {
    if (!this.#hold.released) this.release();
  }
}

/** The error for a lease that is no longer one. */
function released(reader: string, what: string): VigiaError<'lease_released'> {
  return new VigiaError('lease_released', `reader ${reader}: a frame was ${what}`);
}

/**
 * Makes a lease.
 *
 * @param reader Id of the reader, for messages.
 * @param giveBack Called exactly once: at `release`, or when the lease was forgotten.
 */
export function lend<T>(reader: string, frame: T, giveBack: (frame: T) => void): Lease<T> {
  const takenAt = development ? new Error('taken') : undefined;
  const hold: Hold<T> = { reader, frame, giveBack, released: false, takenAt };
  const lease = new FrameLease(hold);
  forgotten.register(lease, hold as unknown as Hold<never>, hold);
  return lease;
}

/** The error for asking while a frame is held. */
export function leaseHeld(reader: string): VigiaError<'lease_held'> {
  return new VigiaError('lease_held', `reader ${reader}: a frame is held; release it before asking for the next one`);
}

/** The error for a second caller of `next`. */
export function readerBusy(reader: string): VigiaError<'reader_busy'> {
  return new VigiaError('reader_busy', `reader ${reader}: someone waits for a frame already; one caller at a time`);
}

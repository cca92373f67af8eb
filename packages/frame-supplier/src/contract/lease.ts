import { VigiaError } from '@vigia/base';

/**
 * The right to use a frame until `release`. Works with `using`. After release `frame` throws `lease_released`.
 *
 * A forgotten lease stays held: its reader gets no other frame, and `next` throws `lease_held`. With
 * `NODE_ENV=development` a process warning with the code `VIGIA_LEASE_LEAK` shows, once per reader, where the lease was
 * taken.
 */
export interface Lease<T> extends Disposable {
  /** Lent: do not use it after `release`. */
  readonly frame: T;
  readonly released: boolean;
  /** Gives the frame back. Throws VigiaError `lease_released` the second time. */
  release(): void;
  /** Like `release`, but idempotent. */
  [Symbol.dispose](): void;
}

/** Tracking a lease costs more than the rest of a read, so it is done in development only. */
const development = process.env['NODE_ENV'] === 'development';
/** Readers that were reported already: a loop that forgets every frame would flood the log. */
const reported = new Set<string>();

const forgotten = new FinalizationRegistry<{ readonly reader: string; readonly takenAt: Error }>(
  ({ reader, takenAt }) => {
    if (reported.has(reader)) return;
    reported.add(reader);
    const where = takenAt.stack?.split('\n').slice(2).join('\n') ?? '';
    process.emitWarning(`reader ${reader}: a frame was never released, so there will be no other one\n${where}`, {
      code: 'VIGIA_LEASE_LEAK',
    });
  },
);

class FrameLease<T> implements Lease<T> {
  readonly #reader: string;
  readonly #frame: T;
  readonly #giveBack: (frame: T) => void;
  #released = false;

  constructor(reader: string, frame: T, giveBack: (frame: T) => void) {
    this.#reader = reader;
    this.#frame = frame;
    this.#giveBack = giveBack;
  }

  get frame(): T {
    if (this.#released) throw released(this.#reader, 'used after it was released');
    return this.#frame;
  }

  get released(): boolean {
    return this.#released;
  }

  release(): void {
    if (this.#released) throw released(this.#reader, 'released twice');
    this.#released = true;
    if (development) forgotten.unregister(this);
    this.#giveBack(this.#frame);
  }

  [Symbol.dispose](): void {
    if (!this.#released) this.release();
  }
}

/** The error for using a released lease. */
function released(reader: string, what: string): VigiaError<'lease_released'> {
  return new VigiaError('lease_released', `reader ${reader}: a frame was ${what}`);
}

/**
 * Creates a lease.
 *
 * @param reader Id of the reader, for messages.
 * @param giveBack Called exactly once, at `release`.
 */
export function lend<T>(reader: string, frame: T, giveBack: (frame: T) => void): Lease<T> {
  const lease = new FrameLease(reader, frame, giveBack);
  if (development) forgotten.register(lease, { reader, takenAt: new Error('taken') }, lease);
  return lease;
}

/** The error for requesting a frame while one is held. */
export function leaseHeld(reader: string): VigiaError<'lease_held'> {
  return new VigiaError('lease_held', `reader ${reader}: a frame is held; release it before asking for the next one`);
}

/** The error for a second caller of `next`. */
export function readerBusy(reader: string): VigiaError<'reader_busy'> {
  return new VigiaError('reader_busy', `reader ${reader}: someone waits for a frame already; one caller at a time`);
}

import { VigiaError } from '@vigia/base';

/**
 * The right to use a frame until `release`. Works with `using`. After release `frame` throws `lease_released`.
 *
 * A lease that is forgotten stays held: its reader gets no other frame, and `next` says so (`lease_held`). With
 * `NODE_ENV=development` a process warning of code `VIGIA_LEASE_LEAK` tells, once per reader, where it was taken.
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

/** Watching a lease costs more than all the rest of a read, so only whoever develops pays for it. */
const development = process.env['NODE_ENV'] === 'development';
/** Readers that were told already: a loop that forgets every frame would flood the log. */
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

/** The error for a lease that is no longer one. */
function released(reader: string, what: string): VigiaError<'lease_released'> {
  return new VigiaError('lease_released', `reader ${reader}: a frame was ${what}`);
}

/**
 * Makes a lease.
 *
 * @param reader Id of the reader, for messages.
 * @param giveBack Called exactly once, at `release`.
 */
export function lend<T>(reader: string, frame: T, giveBack: (frame: T) => void): Lease<T> {
  const lease = new FrameLease(reader, frame, giveBack);
  if (development) forgotten.register(lease, { reader, takenAt: new Error('taken') }, lease);
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

import { type Clock, VigiaError } from '@vigia/base';
import { READER_PAGE, READER_PAGE_BYTES, READER_PAGE_MAGIC, SEATS_VERSION } from '@vigia/contracts';
import { putU64, type SegmentMemory } from '#segment';

/** A reader's end of its own page: its only writer. */
export class ReaderPage {
  readonly #memory: SegmentMemory;
  readonly #words32: Int32Array;

  /** @param memory Zeroed, READER_PAGE_BYTES long; taken over. */
  constructor(memory: SegmentMemory, clock: Clock) {
    this.#memory = memory;
    const { buffer, byteOffset } = memory.bytes;
    this.#words32 = new Int32Array(buffer, byteOffset, READER_PAGE_BYTES / 4);
    memory.bytes.writeUInt32LE(SEATS_VERSION, READER_PAGE.version);
    memory.bytes.writeUInt32LE(process.pid, READER_PAGE.writerPid);
    putU64(this.#words32, READER_PAGE.heartbeat / 4, clock.nowMs() * 1e6);
    memory.bytes.write(READER_PAGE_MAGIC, READER_PAGE.magic, 'latin1');
  }

  get ready(): number {
    return Atomics.load(this.#words32, READER_PAGE.ready / 4) >>> 0;
  }

  get expired(): number {
    return Atomics.load(this.#words32, READER_PAGE.expired / 4) >>> 0;
  }

  /** Requests a frame (SYNC R: the supplier loads it after storing `wanted`). */
  ask(): void {
    Atomics.add(this.#words32, READER_PAGE.ready / 4, 1);
  }

  /** Publishes which frame the user received. */
  took(frameId: number): void {
    putU64(this.#words32, READER_PAGE.taken / 4, frameId);
  }

  /** Gives the delivery back. `expired` is stored first: a supplier that sees the one sees the other. */
  settle(useful: boolean): void {
    if (!useful) Atomics.add(this.#words32, READER_PAGE.expired / 4, 1);
    Atomics.add(this.#words32, READER_PAGE.settled / 4, 1);
  }

  /** Frees the memory. */
  close(): void {
    this.#memory.retire();
  }
}

/** The supplier's view of a reader's page. Ignores inconsistent values. */
export class ReaderPageView {
  readonly #memory: SegmentMemory;
  readonly #words32: Int32Array;

  /**
   * @param memory Retired with the view, and when this throws.
   * @throws VigiaError `invalid_page`.
   */
  constructor(memory: SegmentMemory) {
    const b = memory.bytes;
    if (
      b.byteLength < READER_PAGE_BYTES ||
      b.toString('latin1', 0, 8) !== READER_PAGE_MAGIC ||
      b.readUInt32LE(READER_PAGE.version) !== SEATS_VERSION
    ) {
      memory.retire();
      throw new VigiaError('invalid_page', `${memory.path}: not a reader's page of version ${SEATS_VERSION}`, {
        path: memory.path,
      });
    }
    this.#memory = memory;
    this.#words32 = new Int32Array(b.buffer, b.byteOffset, READER_PAGE_BYTES / 4);
  }

  get ready(): number {
    return Atomics.load(this.#words32, READER_PAGE.ready / 4) >>> 0;
  }

  get settled(): number {
    return Atomics.load(this.#words32, READER_PAGE.settled / 4) >>> 0;
  }

  get expired(): number {
    return Atomics.load(this.#words32, READER_PAGE.expired / 4) >>> 0;
  }

  /** Frees the memory. */
  close(): void {
    this.#memory.retire();
  }
}

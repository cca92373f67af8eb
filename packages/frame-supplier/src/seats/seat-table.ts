import { randomBytes } from 'node:crypto';
import { type Clock, VigiaError } from '@vigia/base';
import {
  SEAT,
  SEAT_BYTES,
  SEAT_STATE,
  SEATS_HEADER,
  SEATS_MAGIC,
  SEATS_MAX,
  SEATS_TABLE_OFFSET,
  SEATS_VERSION,
  SEGMENT_STATE,
  seatTableBytes,
} from '@vigia/contracts';
import { getU64, putU64, type SegmentMemory } from '#segment';

/** The location of a frame. */
export interface OfferedSlot {
  readonly frameId: number;
  readonly slot: number;
  readonly generation: number;
}

/** An offer to a reader: the frame's location, and until when it may be taken. */
export interface Offer extends OfferedSlot {
  /** Of the segment that contains it. */
  readonly epoch: number;
  /** Monotonic milliseconds after which it is too old. */
  readonly staleFromMs: number;
}

/** The 32-bit word of a field in a seat's entry. */
const word32 = (seat: number, field: number): number => (SEATS_TABLE_OFFSET + seat * SEAT_BYTES + field) / 4;

/** The supplier's end of a seat table: its only writer, and the owner of the memory. */
export class SeatTableWriter {
  readonly epoch: bigint = randomBytes(8).readBigUInt64LE() | 1n;
  readonly seats: number;
  readonly #memory: SegmentMemory;
  readonly #clock: Clock;
  readonly #words: BigInt64Array;
  readonly #words32: Int32Array;
  #closed = false;

  /**
   * @param memory Zeroed, of at least `seatTableBytes(seats)`; taken over.
   * @throws VigiaError `segment_geometry` unless 1 to 256 seats fit.
   */
  constructor(memory: SegmentMemory, seats: number, clock: Clock) {
    if (!Number.isInteger(seats) || seats < 1 || seats > SEATS_MAX || memory.bytes.byteLength < seatTableBytes(seats))
      throw new VigiaError('segment_geometry', `${memory.path}: ${seats} seats, 1 to ${SEATS_MAX} are allowed`, {
        path: memory.path,
      });
    this.seats = seats;
    this.#memory = memory;
    this.#clock = clock;
    const { buffer, byteOffset, byteLength } = memory.bytes;
    this.#words = new BigInt64Array(buffer, byteOffset, byteLength / 8);
    this.#words32 = new Int32Array(buffer, byteOffset, byteLength / 4);
    const b = memory.bytes;
    b.writeUInt32LE(seats, SEATS_HEADER.seatCount);
    b.writeBigUInt64LE(this.epoch, SEATS_HEADER.epoch);
    b.writeUInt32LE(process.pid, SEATS_HEADER.writerPid);
    b.writeUInt32LE(SEGMENT_STATE.live, SEATS_HEADER.state);
    b.writeUInt32LE(SEATS_VERSION, SEATS_HEADER.version);
    this.heartbeat();
    // The magic last: a reader that finds it finds a complete header.
    b.write(SEATS_MAGIC, SEATS_HEADER.magic, 'latin1');
  }

  /** Name of the memory. */
  get path(): string {
    return this.#memory.path;
  }

  /** Writes the heartbeat. */
  heartbeat(): void {
    if (this.#closed) return;
    Atomics.store(this.#words, SEATS_HEADER.heartbeat / 8, BigInt(Math.round(this.#clock.nowMs() * 1e6)));
  }

  /** Takes a free seat for a reader. */
  open(seat: number): void {
    const at = word32(seat, 0);
    this.#words32.fill(0, at, at + SEAT_BYTES / 4);
    this.#set(seat, SEAT.state, SEAT_STATE.open);
  }

  /** Marks the end for the seat's reader. Ring its bell afterwards. */
  end(seat: number): void {
    this.#set(seat, SEAT.state, SEAT_STATE.closed);
    this.#ring(seat);
  }

  /** Frees the seat, once its reader can no longer access it. */
  free(seat: number): void {
    this.#set(seat, SEAT.state, SEAT_STATE.free);
  }

  /** Whether a due frame waits for the seat's reader (SYNC R: the reader loads it after storing `ready`). */
  setWanted(seat: number, wanted: boolean): void {
    this.#set(seat, SEAT.wanted, wanted ? 1 : 0);
  }

  /**
   * Makes an offer. Ring the seat's bell afterwards.
   *
   * @param delivered The seat's count of deliveries, including this one.
   * @param staleFromMs Monotonic milliseconds after which it must not be taken.
   */
  offer(seat: number, delivered: number, at: OfferedSlot, epoch: number, staleFromMs: number): void {
    if (this.#closed) return;
    const words = this.#words32;
    const entry = word32(seat, 0);
    // Plain stores: the reader loads them only after it has seen `delivered`.
    putU64(words, entry + SEAT.frame / 4, at.frameId * 4096 + at.slot);
    putU64(words, entry + SEAT.generation / 4, at.generation);
    putU64(words, entry + SEAT.epoch / 4, epoch);
    putU64(words, entry + SEAT.staleFrom / 4, staleFromMs * 1e6);
    Atomics.store(words, entry + SEAT.wanted / 4, 0);
    Atomics.store(words, entry + SEAT.delivered / 4, delivered);
    Atomics.add(words, entry + SEAT.bell / 4, 1);
  }

  /** Marks the table closed and frees the memory. Idempotent. */
  close(): void {
    if (this.#closed) return;
    for (let seat = 0; seat < this.seats; seat += 1) this.end(seat);
    Atomics.store(this.#words32, SEATS_HEADER.state / 4, SEGMENT_STATE.closed);
    this.#closed = true;
    this.#memory.retire();
  }

  #ring(seat: number): void {
    if (!this.#closed) Atomics.add(this.#words32, word32(seat, SEAT.bell), 1);
  }

  #set(seat: number, field: number, value: number): void {
    if (!this.#closed) Atomics.store(this.#words32, word32(seat, field), value);
  }
}

/** A reader's view of its own seat. */
export class SeatView {
  readonly #memory: SegmentMemory;
  readonly #seat: number;
  readonly #words: BigInt64Array;
  readonly #words32: Int32Array;

  /**
   * @param memory Retired with the view, and when this throws.
   * @param epoch The table's epoch as given with the seat.
   * @throws VigiaError `frame_invalid` when this is another seat table.
   */
  constructor(memory: SegmentMemory, seat: number, epoch: bigint) {
    try {
      checkTable(memory, seat, epoch);
    } catch (error) {
      memory.retire();
      throw error;
    }
    this.#memory = memory;
    this.#seat = seat;
    const { buffer, byteOffset, byteLength } = memory.bytes;
    this.#words = new BigInt64Array(buffer, byteOffset, byteLength / 8);
    this.#words32 = new Int32Array(buffer, byteOffset, byteLength / 4);
  }

  /** Byte offset of the word to wait on. */
  get bellOffset(): number {
    return word32(this.#seat, SEAT.bell) * 4;
  }

  /** All words of the table, for waiting on the bell in memory shared by threads. */
  get words32(): Int32Array {
    return this.#words32;
  }

  get bell(): number {
    return Atomics.load(this.#words32, word32(this.#seat, SEAT.bell));
  }

  get open(): boolean {
    return Atomics.load(this.#words32, word32(this.#seat, SEAT.state)) === SEAT_STATE.open;
  }

  get delivered(): number {
    return Atomics.load(this.#words32, word32(this.#seat, SEAT.delivered)) >>> 0;
  }

  /** SYNC R: load it after storing `ready`. */
  get wanted(): boolean {
    return Atomics.load(this.#words32, word32(this.#seat, SEAT.wanted)) === 1;
  }

  /** The offer; valid while `delivered` equals the number of requests. */
  offer(): Offer {
    const words = this.#words32;
    const at = word32(this.#seat, 0);
    const frame = getU64(words, at + SEAT.frame / 4);
    return {
      frameId: Math.floor(frame / 4096),
      slot: frame % 4096,
      generation: getU64(words, at + SEAT.generation / 4),
      epoch: getU64(words, at + SEAT.epoch / 4),
      staleFromMs: getU64(words, at + SEAT.staleFrom / 4) / 1e6,
    };
  }

  /** Time of the supplier's last heartbeat, monotonic milliseconds. */
  get heartbeatMs(): number {
    return Number(Atomics.load(this.#words, SEATS_HEADER.heartbeat / 8)) / 1e6;
  }

  /** Frees the memory. */
  close(): void {
    this.#memory.retire();
  }
}

function checkTable(memory: SegmentMemory, seat: number, epoch: bigint): void {
  const b = memory.bytes;
  const invalid = (what: string): VigiaError =>
    new VigiaError('frame_invalid', `${memory.path}: ${what}`, { path: memory.path });
  if (b.byteLength < seatTableBytes(1) || b.toString('latin1', 0, 8) !== SEATS_MAGIC) throw invalid('not a seat table');
  const version = b.readUInt32LE(SEATS_HEADER.version);
  if (version !== SEATS_VERSION) throw invalid(`version ${version} of the seat table, ${SEATS_VERSION} is understood`);
  const seats = b.readUInt32LE(SEATS_HEADER.seatCount);
  if (seats > SEATS_MAX || seatTableBytes(seats) > b.byteLength || seat >= seats)
    throw invalid('the header contradicts the size of the file');
  if (b.readBigUInt64LE(SEATS_HEADER.epoch) !== epoch) throw invalid('not the expected seat table');
}

import type { RecoveryPoint } from '#core/media';
import { nalEnd, nextNal } from './annex-b.ts';
import { BitReader } from './bit-reader.ts';

/** Payload type of the recovery point message, of both codecs. */
const RECOVERY_POINT = 6;
/** A message is looked for in the first bytes of a SEI NAL unit, and in the first NAL units of an access unit. */
const SEI_LIMIT = 4096;
const NAL_LIMIT = 64;
/** More than any stream may announce: `frame_num` has at most 16 bits. */
const COUNT_LIMIT = 65_535;
/** The picture itself is whole, and all that are shown after it. */
export const AT_ONCE: RecoveryPoint = { references: 1, pictures: 0 };

type Codec = 'h264' | 'hevc';

/**
 * Finds out whether decoding can begin at an access unit. Reads the NAL units up to the first slice. What a camera sends is
 * not trusted: reading is bounded, and what makes no sense is not there. Parameter sets do not matter: some cameras send them
 * before every picture.
 */
export class UnitInspector {
  readonly #codec: Codec;
  readonly #reader = new BitReader();
  /** Decoding can begin here. */
  keyframe = false;
  /** Of a keyframe: undefined when all that follows in decoding order is whole. */
  recovery: RecoveryPoint | undefined;
  /** Whether others may depend on the picture. */
  reference = true;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Looks at a unit in Annex B; the properties describe it until the next call. */
  inspect(data: Buffer): void {
    this.keyframe = false;
    this.recovery = undefined;
    this.reference = true;
    let at = nextNal(data, 0);
    for (let n = 0; at >= 0 && n < NAL_LIMIT && !this.#look(data, at); n += 1) at = nextNal(data, at);
  }

  /** Returns whether the NAL unit is a slice. */
  #look(data: Buffer, at: number): boolean {
    return this.#codec === 'h264' ? this.#lookH264(data, at) : this.#lookH265(data, at);
  }

  #lookH264(data: Buffer, at: number): boolean {
    const header = data[at] as number;
    const type = header & 0x1f;
    if (type === 6) this.#readMessages(data, at + 1);
    if (type < 1 || type > 5) return false;
    this.reference = (header & 0x60) !== 0;
    if (type === 5) this.recovery = undefined;
    this.keyframe = type === 5 || this.recovery !== undefined;
    return true;
  }

  #lookH265(data: Buffer, at: number): boolean {
    const type = ((data[at] as number) >> 1) & 0x3f;
    if (type === 39) this.#readMessages(data, at + 2);
    if (type > 31) return false;
    const idr = type === 19 || type === 20;
    // BLA and CRA: pictures that are shown before may depend on ones before it.
    if (type >= 16 && type <= 21) this.recovery = idr ? undefined : AT_ONCE;
    this.keyframe = idr || this.recovery !== undefined;
    return true;
  }

  /** The messages of a SEI NAL unit (H.264 7.3.2.3, H.265 7.3.2.4). */
  #readMessages(data: Buffer, start: number): void {
    const reader = this.#reader.open(data, start, Math.min(nalEnd(data, start), start + SEI_LIMIT));
    while (!reader.spent) {
      const type = this.#extended();
      const size = this.#extended();
      if (reader.spent) return;
      if (type === RECOVERY_POINT && size > 0) {
        this.#readRecoveryPoint();
        return;
      }
      for (let skipped = 0; skipped < size && !reader.spent; skipped += 1) reader.bits(8);
    }
  }

  /** A number in bytes of 255 and a last one. */
  #extended(): number {
    let sum = 0;
    let byte = 0;
    do {
      byte = this.#reader.bits(8);
      sum += byte;
    } while (byte === 255 && !this.#reader.spent);
    return sum;
  }

  #readRecoveryPoint(): void {
    const reader = this.#reader;
    // H.264 counts reference pictures in decoding order, H.265 pictures in the order in which they are shown: at least
    // one for each step of the picture order count.
    const count = this.#codec === 'h264' ? reader.ue() : Math.max(0, reader.se());
    if (reader.spent || count > COUNT_LIMIT) return;
    this.recovery =
      this.#codec === 'h264' ? { references: count + 1, pictures: 0 } : { references: 1, pictures: count };
  }
}

import { nalEnd, nextNal } from './annex-b.ts';
import { BitReader } from './bit-reader.ts';

/** NAL units of one access unit that are looked at. */
const NAL_LIMIT = 64;
/** Bytes of a NAL unit that are looked at: identifiers are at its beginning. */
const BYTES = 64;
/** No codec has more parameter sets of a kind. */
const SETS = 256;

/**
 * Follows which parameter sets came and which ones the pictures need, to name a missing one. It is fed only while no picture
 * comes. Reading is bounded; a set that cannot be read does not count.
 */
export class ParameterSetWatch {
  readonly #hevc: boolean;
  readonly #reader = new BitReader();
  #vps = false;
  readonly #sps = new Set<number>();
  /** The SPS that each PPS needs. */
  readonly #pps = new Map<number, number>();
  /** The PPS that the newest picture needs. */
  #needed: number | undefined;

  constructor(codec: string) {
    this.#hevc = codec === 'hevc';
  }

  /** Looks at an access unit, or at the sets of a description, in Annex B. */
  see(data: Buffer): void {
    let at = nextNal(data, 0);
    for (let n = 0; at >= 0 && n < NAL_LIMIT; n += 1) {
      this.#look(data, at);
      at = nextNal(data, at);
    }
  }

  /** The name of a set that the pictures need and that never came, such as `PPS 1`; undefined when none is missing. */
  get missing(): string | undefined {
    if (this.#needed === undefined) return undefined;
    if (this.#hevc && !this.#vps) return 'VPS';
    if (this.#sps.size === 0) return 'SPS';
    if (this.#pps.size === 0) return 'PPS';
    const sps = this.#pps.get(this.#needed);
    if (sps === undefined) return `PPS ${this.#needed}`;
    return this.#sps.has(sps) ? undefined : `SPS ${sps}`;
  }

  #look(data: Buffer, at: number): void {
    const header = data[at] as number;
    const start = at + (this.#hevc ? 2 : 1);
    this.#reader.open(data, start, Math.min(nalEnd(data, at), start + BYTES));
    if (this.#hevc) this.#lookH265((header >> 1) & 0x3f);
    else this.#lookH264(header & 0x1f);
  }

  #lookH264(type: number): void {
    if (type === 7) {
      this.#reader.bits(24);
      this.#addSps();
    } else if (type === 8) this.#addPps();
    else if (type === 1 || type === 5) {
      // first_mb_in_slice, slice_type
      this.#reader.ue();
      this.#reader.ue();
      this.#need();
    }
  }

  #lookH265(type: number): void {
    if (type === 32) this.#vps = true;
    else if (type === 33) {
      this.#skipProfile();
      this.#addSps();
    } else if (type === 34) this.#addPps();
    else if (type < 32) {
      // first_slice_segment_in_pic_flag; no_output_of_prior_pics_flag of pictures where decoding can begin
      this.#reader.bits(type >= 16 && type <= 23 ? 2 : 1);
      this.#need();
    }
  }

  /** What is before the identifier of an SPS of H.265: `profile_tier_level` (7.3.3). */
  #skipProfile(): void {
    const reader = this.#reader;
    reader.bits(4);
    const layers = reader.bits(3);
    skip(reader, 1 + 88 + 8);
    let more = 0;
    for (let i = 0; i < layers; i += 1) more += reader.bit() * 88 + reader.bit() * 8;
    skip(reader, (layers > 0 ? (8 - layers) * 2 : 0) + more);
  }

  #addSps(): void {
    const id = this.#reader.ue();
    if (!this.#reader.spent && id < SETS) this.#sps.add(id);
  }

  #addPps(): void {
    const id = this.#reader.ue();
    const sps = this.#reader.ue();
    if (!this.#reader.spent && id < SETS) this.#pps.set(id, sps);
  }

  #need(): void {
    const id = this.#reader.ue();
    if (!this.#reader.spent) this.#needed = id;
  }
}

function skip(reader: BitReader, bits: number): void {
  for (let i = 0; i < bits; i += 1) reader.bit();
}

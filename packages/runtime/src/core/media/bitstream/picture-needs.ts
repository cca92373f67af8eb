import { nalEnd, nextNal } from './annex-b.ts';
import { BitReader } from './bit-reader.ts';

/** Bytes of an SPS that are looked at: the longest scaling lists leave room for what comes behind them. */
const BYTES = 2_048;
/** Profiles of H.264 whose SPS says how pixels are stored (7.3.2.1.1). */
const HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const MACROBLOCK = 16;
/** `aspect_ratio_idc` of a pixel that has a shape of its own. */
const OWN_ASPECT = 255;
/** Pictures that any codec lets wait for one that is shown earlier. */
const MOST_REORDERED = 16;

/** What a decoder has to hold for a stream. */
export interface Needs {
  /** Of the picture as it is coded, in pixels: with what is cut off when it is shown. */
  readonly width: number;
  readonly height: number;
  /** Pictures that it keeps, the present one not counted. */
  readonly references: number;
  /** Of a picture, per pixel: 1.5 with 8 bits in 4:2:0. */
  readonly bytes: number;
}

/** What an SPS of H.264 says of the order of its pictures, and where. */
export interface PictureOrder {
  /** Bits of its content before `vui_parameters_present_flag`, or, with a VUI, before `bitstream_restriction_flag`. */
  readonly before: number;
  readonly hasVui: boolean;
  /** `max_num_ref_frames` */
  readonly references: number;
  /** Whether a decoder knows that pictures are shown as they are decoded. */
  readonly isKept: boolean;
}

/** Of an SPS that cannot be read: width and height are 0. What a decoder makes of it is not known. */
const UNREADABLE: Needs = { width: 0, height: 0, references: 0, bytes: 0 };

/**
 * Reads from an SPS what a decoder will allocate, before it does. Reading is bounded. An SPS that cannot be read has no size:
 * libav's decoder of H.264 tries to use even one that is cut off.
 */
export class PictureNeeds {
  readonly #hevc: boolean;
  readonly #reader = new BitReader();
  #chroma = 1;
  /** Lines of a picture for each line that an SPS counts. */
  #linesPerUnit = 1;
  /** `pic_order_cnt_type` of H.264. */
  #order = 0;
  #cut = { width: 0, height: 0 };
  /** Of H.265: see {@link reorderedIn}. */
  #reordered = 0;

  constructor(codec: 'h264' | 'hevc') {
    this.#hevc = codec === 'hevc';
  }

  /** Hot path. Calls back for every SPS in an access unit, in Annex B. Stops when it returns true, and returns that. */
  some(data: Buffer, test: (needs: Needs) => boolean): boolean {
    for (let at = nextNal(data, 0); at >= 0; at = nextNal(data, at)) {
      if (this.#isSps(data, at) && test(this.#read(data, at))) return true;
    }
    return false;
  }

  /**
   * The size at which the pictures of an access unit are shown, in pixels: without what is cut off. Undefined when it has no
   * SPS that can be read.
   */
  shownIn(data: Buffer): { readonly width: number; readonly height: number } | undefined {
    let shown: { readonly width: number; readonly height: number } | undefined;
    this.some(data, ({ width, height }) => {
      if (width === 0) return false;
      if (!this.#hevc) this.#readCut();
      shown = { width: width - this.#cut.width, height: height - this.#cut.height * this.#linesPerUnit };
      return shown.width > 0 && shown.height > 0 && !this.#reader.spent;
    });
    return shown;
  }

  /**
   * How many pictures may be decoded before another one and shown after it, by the first SPS of an access unit that can be read
   * (`sps_max_num_reorder_pics`, `max_num_reorder_frames`). 0 when it does not say: of H.264 it need not.
   */
  reorderedIn(data: Buffer): number {
    let most = 0;
    this.some(data, ({ width }) => {
      if (width === 0) return false;
      const reordered = this.#hevc ? this.#reordered : this.#readReordered();
      if (!this.#reader.spent) most = Math.min(MOST_REORDERED, reordered);
      return true;
    });
    return most;
  }

  /** @param nal An SPS of H.264 without its start code. Undefined when it cannot be read. */
  orderIn(nal: Buffer): PictureOrder | undefined {
    const { references } = this.#read(nal, 0);
    const reader = this.#reader;
    this.#readCut();
    const inSps = reader.read;
    const hasVui = reader.bit() === 1;
    if (hasVui) this.#skipVui();
    const before = hasVui ? reader.read : inSps;
    // With type 2 no other order is possible (8.2.1.3).
    const isKept = this.#order === 2 || (hasVui && this.#readRestriction() === 0);
    return reader.spent ? undefined : { before, hasVui, references, isKept };
  }

  #isSps(data: Buffer, at: number): boolean {
    const header = data[at] as number;
    return this.#hevc ? ((header >> 1) & 0x3f) === 33 : (header & 0x1f) === 7;
  }

  #read(data: Buffer, at: number): Needs {
    const start = at + (this.#hevc ? 2 : 1);
    const end = nalEnd(data, at);
    this.#reader.open(data, start, Math.min(end, start + BYTES));
    if (end <= start + BYTES) this.#reader.untilStopBit();
    const needs = this.#hevc ? this.#readH265() : this.#readH264();
    return this.#reader.spent ? UNREADABLE : needs;
  }

  /** 7.3.2.1.1 of H.264. */
  #readH264(): Needs {
    const reader = this.#reader;
    const profile = reader.bits(8);
    skip(reader, 16);
    reader.ue();
    this.#chroma = 1;
    const bytes = HIGH_PROFILES.has(profile) ? this.#readHigh() : bytesPerPixel(1, 0);
    reader.ue();
    this.#skipOrder();
    const references = reader.ue();
    reader.bit();
    const width = (reader.ue() + 1) * MACROBLOCK;
    const lines = (reader.ue() + 1) * MACROBLOCK;
    this.#linesPerUnit = reader.bit() === 1 ? 1 : 2;
    return { width, height: this.#linesPerUnit * lines, references, bytes };
  }

  /** What is cut off when the picture is shown: its rectangle in an SPS of H.264 (7.3.2.1.1) and of H.265 (7.3.2.2.1). */
  #readCut(): void {
    const reader = this.#reader;
    if (!this.#hevc) {
      if (this.#linesPerUnit === 2) reader.bit();
      reader.bit();
    }
    this.#cut = { width: 0, height: 0 };
    if (reader.bit() === 0) return;
    const [left, right, top, bottom] = [reader.ue(), reader.ue(), reader.ue(), reader.ue()];
    this.#cut.width = (left + right) * (this.#chroma === 1 || this.#chroma === 2 ? 2 : 1);
    this.#cut.height = (top + bottom) * (this.#chroma === 1 ? 2 : 1);
  }

  /** `max_num_reorder_frames` of an SPS of H.264, in its VUI. 0: it is not there. */
  #readReordered(): number {
    this.#readCut();
    if (this.#reader.bit() === 0) return 0;
    this.#skipVui();
    return this.#readRestriction() ?? 0;
  }

  /** The VUI of H.264 (E.1.1) up to `bitstream_restriction_flag`. */
  #skipVui(): void {
    const reader = this.#reader;
    if (reader.bit() === 1 && reader.bits(8) === OWN_ASPECT) skip(reader, 32);
    if (reader.bit() === 1) skip(reader, 1);
    if (reader.bit() === 1) {
      skip(reader, 4);
      if (reader.bit() === 1) skip(reader, 24);
    }
    if (reader.bit() === 1) {
      reader.ue();
      reader.ue();
    }
    if (reader.bit() === 1) skip(reader, 65);
    const rates = [this.#skipRate(), this.#skipRate()];
    if (rates.includes(true)) skip(reader, 1);
    skip(reader, 1);
  }

  /** `max_num_reorder_frames`; undefined: it is not there. */
  #readRestriction(): number | undefined {
    const reader = this.#reader;
    if (reader.bit() === 0) return undefined;
    skip(reader, 1);
    for (let i = 0; i < 4; i += 1) reader.ue();
    return reader.ue();
  }

  /** Parameters of the bit rate (E.1.2). Returns whether they are there. */
  #skipRate(): boolean {
    const reader = this.#reader;
    if (reader.bit() === 0) return false;
    const buffers = reader.ue() + 1;
    skip(reader, 8);
    for (let i = 0; i < buffers && !reader.spent; i += 1) {
      reader.ue();
      reader.ue();
      skip(reader, 1);
    }
    skip(reader, 20);
    return true;
  }

  /** How pixels are stored. Returns their bytes. */
  #readHigh(): number {
    const reader = this.#reader;
    const chroma = reader.ue();
    this.#chroma = chroma;
    if (chroma === 3) reader.bit();
    const bytes = bytesPerPixel(chroma, Math.max(reader.ue(), reader.ue()));
    reader.bit();
    if (reader.bit() === 1) this.#skipLists(chroma);
    return bytes;
  }

  #skipLists(chroma: number): void {
    const reader = this.#reader;
    for (let i = 0; i < (chroma === 3 ? 12 : 8); i += 1) if (reader.bit() === 1) this.#skipList(i < 6 ? 16 : 64);
  }

  #skipList(size: number): void {
    let last = 8;
    let next = 8;
    for (let i = 0; i < size && !this.#reader.spent; i += 1) {
      if (next !== 0) next = (last + this.#reader.se() + 256) % 256;
      if (next !== 0) last = next;
    }
  }

  /** How pictures are counted. */
  #skipOrder(): void {
    const reader = this.#reader;
    this.#order = reader.ue();
    if (this.#order === 0) reader.ue();
    if (this.#order !== 1) return;
    reader.bit();
    reader.se();
    reader.se();
    const cycle = reader.ue();
    for (let i = 0; i < cycle && !reader.spent; i += 1) reader.se();
  }

  /** 7.3.2.2.1 of H.265. */
  #readH265(): Needs {
    const reader = this.#reader;
    reader.bits(4);
    const layers = reader.bits(3);
    skip(reader, 1 + 88 + 8);
    this.#skipLayers(layers);
    reader.ue();
    const chroma = reader.ue();
    if (chroma === 3) reader.bit();
    const width = reader.ue();
    const height = reader.ue();
    this.#chroma = chroma;
    this.#linesPerUnit = 1;
    this.#readCut();
    const bytes = bytesPerPixel(chroma, Math.max(reader.ue(), reader.ue()));
    reader.ue();
    return { width, height, references: this.#mostKept(layers), bytes };
  }

  #skipLayers(layers: number): void {
    let more = 0;
    for (let i = 0; i < layers; i += 1) more += this.#reader.bit() * 88 + this.#reader.bit() * 8;
    skip(this.#reader, (layers > 0 ? (8 - layers) * 2 : 0) + more);
  }

  #mostKept(layers: number): number {
    let most = 0;
    this.#reordered = 0;
    for (let i = this.#reader.bit() === 1 ? 0 : layers; i <= layers; i += 1) {
      most = Math.max(most, this.#reader.ue());
      this.#reordered = Math.max(this.#reordered, this.#reader.ue());
      this.#reader.ue();
    }
    return most;
  }
}

/** @param chroma `chroma_format_idc`. @param moreBits Beyond 8. */
function bytesPerPixel(chroma: number, moreBits: number): number {
  const samples = chroma < 2 ? 1.5 : chroma;
  return moreBits > 0 ? 2 * samples : samples;
}

function skip(reader: BitReader, bits: number): void {
  for (let i = 0; i < bits; i += 1) reader.bit();
}

import type { Needs } from './picture-needs.ts';

/** Segments of a JPEG that are looked at: those of cameras have ten. */
const SEGMENT_LIMIT = 256;
/** Bytes of a frame header that are read, from its marker on. */
const HEADER_BYTES = 10;

/**
 * Reads from the frame header of a JPEG (ITU-T T.81, B.2.2) what a decoder will allocate, before it does. Reading is
 * bounded. Its decoder has a limit of pixels besides: without a header that can be read it allocates no more.
 */
export class JpegNeeds {
  /** Sides, bits and parts of the last frame header that passed: with the same ones nothing is asked again. */
  #sides = 0;
  #bits = 0;
  #parts = 0;

  /**
   * Hot path. Calls back for the frame header of a picture, unless it is as the one before. Returns what that returns; false
   * when there is none.
   */
  some(data: Buffer, test: (needs: Needs) => boolean): boolean {
    let at = 2;
    for (let n = 0; n < SEGMENT_LIMIT && at + HEADER_BYTES <= data.byteLength; n += 1) {
      if (data[at] !== 0xff) return false;
      const marker = data[at + 1] as number;
      if (isFrame(marker)) return this.#isNew(data, at) && hasSize(data, at) && this.#ask(data, at, test);
      // Before a marker there may be any number of FF.
      at += marker === 0xff ? 1 : 2 + data.readUInt16BE(at + 2);
    }
    return false;
  }

  #isNew(data: Buffer, at: number): boolean {
    return data.readUInt32BE(at + 5) !== this.#sides || data[at + 4] !== this.#bits || data[at + 9] !== this.#parts;
  }

  #ask(data: Buffer, at: number, test: (needs: Needs) => boolean): boolean {
    if (test(needsOf(data, at))) return true;
    this.#sides = data.readUInt32BE(at + 5);
    this.#bits = data[at + 4] as number;
    this.#parts = data[at + 9] as number;
    return false;
  }
}

/** SOF0 to SOF15, without the tables of Huffman and arithmetic codes that are between them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** The number of lines may come after the picture. libav's decoder does not wait for it. */
function hasSize(data: Buffer, at: number): boolean {
  return data.readUInt32BE(at + 5) % 65_536 > 0 && data.readUInt16BE(at + 5) > 0;
}

function needsOf(data: Buffer, at: number): Needs {
  const bytes = (data[at + 9] as number) * Math.ceil((data[at + 4] as number) / 8);
  return { width: data.readUInt16BE(at + 7), height: data.readUInt16BE(at + 5), references: 0, bytes };
}

import { isParameterSet, splitAnnexB, type VideoCodec } from './nal.ts';

/** A track's parameters in a file's header. */
export interface TrackHeader {
  /** Bytes of the lengths in front of NAL units, 1..4; undefined: start codes. */
  readonly lengthBytes: number | undefined;
  /** In the order of the header; empty when only the packets contain them. */
  readonly parameterSets: readonly Buffer[];
}

/** Parses avcC, hvcC (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1) or Annex B. Undefined when truncated. */
export function readTrackHeader(extradata: Buffer, codec: VideoCodec): TrackHeader | undefined {
  if (extradata[0] !== 1) {
    const parameterSets = splitAnnexB(extradata).filter((nal) => isParameterSet(nal, codec));
    return { lengthBytes: undefined, parameterSets };
  }
  try {
    const { sizeAt, parameterSets } = codec === 'h264' ? readAvcC(extradata) : readHvcC(extradata);
    return { lengthBytes: (extradata.readUInt8(sizeAt) & 3) + 1, parameterSets };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Throws a RangeError when it reads past the end. */
class Cursor {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    this.at += 1;
    return this.#bytes.readUInt8(this.at - 1);
  }

  /** That many NAL units, each after a length of two bytes. */
  nals(count: number): Buffer[] {
    return Array.from({ length: count }, () => this.#nal());
  }

  short(): number {
    this.at += 2;
    return this.#bytes.readUInt16BE(this.at - 2);
  }

  #nal(): Buffer {
    const size = this.short();
    this.at += size;
    if (this.at > this.#bytes.byteLength) throw new RangeError('cut off');
    return this.#bytes.subarray(this.at - size, this.at);
  }
}

function readAvcC(bytes: Buffer): { sizeAt: number; parameterSets: Buffer[] } {
  const cursor = new Cursor(bytes, 5);
  const sps = cursor.nals(cursor.byte() & 0x1f);
  return { sizeAt: 4, parameterSets: [...sps, ...cursor.nals(cursor.byte())] };
}

function readHvcC(bytes: Buffer): { sizeAt: number; parameterSets: Buffer[] } {
  const cursor = new Cursor(bytes, 22);
  const parameterSets: Buffer[] = [];
  const arrays = cursor.byte();
  for (let i = 0; i < arrays; i += 1) {
    cursor.byte();
    // An array may also contain SEI messages, which are not needed here.
    parameterSets.push(...cursor.nals(cursor.short()).filter((nal) => isParameterSet(nal, 'h265')));
  }
  return { sizeAt: 21, parameterSets };
}

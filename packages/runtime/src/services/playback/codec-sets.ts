import { descriptionOf, type MovieInit } from './movie-init.ts';

/** How a decoder reads the pictures of a track. */
export interface PictureCoding {
  /** libav's name of the codec. */
  readonly codec: 'h264' | 'hevc' | 'mjpeg';
  /** Bytes of the length before each NAL unit; 0: pictures are no NAL units. */
  readonly lengthBytes: number;
  /** Parameter sets, in Annex B. */
  readonly sets: Buffer;
}

const START = Buffer.from([0, 0, 0, 1]);
/** Where the description of a track's NAL units is, and what it is called (ISO/IEC 14496-15). */
const CODECS: Readonly<Record<string, { readonly box: string; readonly codec: 'h264' | 'hevc' } | undefined>> = {
  avc1: { box: 'avcC', codec: 'h264' },
  avc3: { box: 'avcC', codec: 'h264' },
  hvc1: { box: 'hvcC', codec: 'hevc' },
  hev1: { box: 'hvcC', codec: 'hevc' },
};

/** How the pictures of an init are coded; undefined when vigia records no such codec, or its description makes no sense. */
export function codingOf(init: MovieInit): PictureCoding | undefined {
  const { entry } = init.video;
  if (entry === 'mp4v' || entry === 'jpeg') return { codec: 'mjpeg', lengthBytes: 0, sets: Buffer.alloc(0) };
  const known = Object.hasOwn(CODECS, entry) ? CODECS[entry] : undefined;
  const description = known && descriptionOf(init, known.box);
  if (!known || !description) return undefined;
  try {
    return known.codec === 'h264' ? avcCoding(description) : hevcCoding(description);
  } catch (error) {
    // It is shorter than it says.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @throws RangeError for a description that is too short. */
function avcCoding(box: Buffer): PictureCoding {
  const sets: Buffer[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = box.readUInt8(at) & mask;
    at = takeSets(box, at + 1, count, sets);
  }
  return { codec: 'h264', lengthBytes: (box.readUInt8(4) & 3) + 1, sets: Buffer.concat(sets) };
}

/** @throws RangeError for a description that is too short. */
function hevcCoding(box: Buffer): PictureCoding {
  const sets: Buffer[] = [];
  let at = 23;
  for (let array = box.readUInt8(22); array > 0; array -= 1) at = takeSets(box, at + 3, box.readUInt16BE(at + 1), sets);
  return { codec: 'hevc', lengthBytes: (box.readUInt8(21) & 3) + 1, sets: Buffer.concat(sets) };
}

/** Returns where the next ones begin. @throws RangeError */
function takeSets(box: Buffer, from: number, count: number, into: Buffer[]): number {
  let at = from;
  for (let i = 0; i < count; i += 1) {
    const length = box.readUInt16BE(at);
    into.push(START, box.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return at;
}

/** A picture as its decoder expects it: NAL units in Annex B. One that does not fit ends the picture. */
export function toUnit(picture: Buffer, { lengthBytes }: PictureCoding): Buffer {
  if (lengthBytes === 0) return picture;
  const parts: Buffer[] = [];
  for (let at = 0; at + lengthBytes <= picture.byteLength; ) {
    const length = picture.readUIntBE(at, lengthBytes);
    at += lengthBytes;
    if (length === 0) continue;
    if (at + length > picture.byteLength) break;
    parts.push(START, picture.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(parts);
}

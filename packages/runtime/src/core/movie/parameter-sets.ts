import { nalEnd, nextNal, PictureNeeds } from '#core/media/bitstream';

const START = Buffer.from([0, 0, 0, 1]);
/** Of one picture; more are ignored. */
const SETS_LIMIT = 64;
const BYTES_LIMIT = 64 * 1024;

/** What a muxer must know of a video stream. */
export interface VideoShape {
  readonly codec: 'h264' | 'hevc';
  /** Parameter sets in Annex B, each once, in the order in which they came. */
  readonly sets: Buffer;
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
  /** Pictures that wait for one that is decoded later and shown earlier, as its sets say; 0: none, or they do not say. */
  readonly depth: number;
}

/** The parameter sets in an access unit, in Annex B; empty when it has none. */
export function parameterSetsIn(codec: VideoShape['codec'], data: Buffer): Buffer {
  const found = new Map<string, Buffer>();
  let bytes = 0;
  for (let at = nextNal(data, 0), n = 0; at >= 0 && n < SETS_LIMIT; at = nextNal(data, at), n += 1) {
    if (isPicture(codec, data[at] as number)) break;
    if (!isSet(codec, data[at] as number)) continue;
    const nal = withoutZeros(data.subarray(at, nalEnd(data, at)));
    bytes += nal.byteLength;
    if (bytes > BYTES_LIMIT) break;
    found.set(nal.toString('latin1'), nal);
  }
  return Buffer.concat([...found.values()].flatMap((nal) => [START, nal]));
}

/**
 * The shape of a stream at a keyframe; undefined when its sets are missing or cannot be read.
 *
 * @param described Sets of the connection's description, in Annex B: of a stream whose pictures have none.
 */
export function shapeAt(
  codec: VideoShape['codec'],
  keyframe: Buffer,
  described: Buffer | undefined,
): VideoShape | undefined {
  const own = parameterSetsIn(codec, keyframe);
  const sets = own.byteLength > 0 ? own : parameterSetsIn(codec, described ?? Buffer.alloc(0));
  const needs = new PictureNeeds(codec);
  const size = needs.shownIn(sets);
  return size && { codec, sets: Buffer.from(sets), ...size, depth: needs.reorderedIn(sets) };
}

function isSet(codec: VideoShape['codec'], header: number): boolean {
  const type = codec === 'h264' ? header & 0x1f : (header >> 1) & 0x3f;
  return codec === 'h264' ? type === 7 || type === 8 : type >= 32 && type <= 34;
}

function isPicture(codec: VideoShape['codec'], header: number): boolean {
  const type = codec === 'h264' ? header & 0x1f : (header >> 1) & 0x3f;
  return codec === 'h264' ? type >= 1 && type <= 5 : type < 32;
}

/** Zero bytes at the end belong to the next start code. */
function withoutZeros(nal: Buffer): Buffer {
  let end = nal.byteLength;
  while (end > 0 && nal[end - 1] === 0) end -= 1;
  return nal.subarray(0, end);
}

import { nalEnd, nextNal, withoutReordering } from '#core/media/bitstream';
import type { LiveCodec } from './offer.ts';

/** Types of NAL units (H.264, 7.4.1; H.265, 7.4.2.2): the sequence parameter set, and what is a slice. */
const TYPES = {
  h264: { of: (header: number) => header & 0x1f, set: 7, isSlice: (type: number) => type >= 1 && type <= 5 },
  hevc: { of: (header: number) => (header >> 1) & 0x3f, set: 33, isSlice: (type: number) => type < 32 },
} as const;

/** The first byte of the sequence parameter set before the first slice; -1 without one. */
function sequenceSet(codec: LiveCodec, unit: Buffer): number {
  const { of, set, isSlice } = TYPES[codec];
  for (let at = nextNal(unit, 0); at >= 0; at = nextNal(unit, at)) {
    const type = of(unit[at] as number);
    if (type === set) return at;
    if (isSlice(type)) return -1;
  }
  return -1;
}

/** The profile in the parameter sets of an H.264 access unit in Annex B, as `profile-level-id` begins: `64`. */
export function profileIn(unit: Buffer): string | undefined {
  const at = sequenceSet('h264', unit);
  return at < 0 ? undefined : unit.toString('hex', at + 1, at + 2);
}

/**
 * A keyframe that a decoder can begin with: some cameras send their parameter sets in the description of the connection only.
 *
 * @param described Annex B.
 */
export function withParameterSets(codec: LiveCodec, keyframe: Buffer, described: Buffer | undefined): Buffer {
  return !described || sequenceSet(codec, keyframe) >= 0 ? keyframe : Buffer.concat([described, keyframe]);
}

/** A keyframe of H.264 whose first parameter set says that no picture overtakes another one, so that no decoder waits for such. */
export function withoutHeldPictures(keyframe: Buffer): Buffer {
  const at = sequenceSet('h264', keyframe);
  if (at < 0) return keyframe;
  let end = nalEnd(keyframe, at);
  // Zeros belong to the next start code.
  while (end > at && keyframe[end - 1] === 0) end -= 1;
  const set = withoutReordering(keyframe.subarray(at, end));
  return set ? Buffer.concat([keyframe.subarray(0, at), set, keyframe.subarray(end)]) : keyframe;
}

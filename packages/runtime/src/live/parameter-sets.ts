import { nalEnd, nextNal, withoutReordering } from '#core/media/bitstream';

// H.264, 7.4.1: types of NAL units.
const SLICE_LAST = 5;
const SEQUENCE_SET = 7;

/** The first byte of the sequence parameter set before the first slice; -1 without one. */
function sequenceSet(unit: Buffer): number {
  for (let at = nextNal(unit, 0); at >= 0; at = nextNal(unit, at)) {
    const type = (unit[at] as number) & 0x1f;
    if (type === SEQUENCE_SET) return at;
    if (type >= 1 && type <= SLICE_LAST) return -1;
  }
  return -1;
}

/** The profile in the parameter sets of an H.264 access unit in Annex B, as `profile-level-id` begins: `64`. */
export function profileIn(unit: Buffer): string | undefined {
  const at = sequenceSet(unit);
  return at < 0 ? undefined : unit.toString('hex', at + 1, at + 2);
}

/**
 * A keyframe that a decoder can begin with: some cameras send their parameter sets in the description of the connection only.
 *
 * @param described Annex B.
 */
export function withParameterSets(keyframe: Buffer, described: Buffer | undefined): Buffer {
  return !described || sequenceSet(keyframe) >= 0 ? keyframe : Buffer.concat([described, keyframe]);
}

/** A keyframe whose first parameter set says that no picture overtakes another one, so that no decoder waits for such. */
export function withoutHeldPictures(keyframe: Buffer): Buffer {
  const at = sequenceSet(keyframe);
  if (at < 0) return keyframe;
  let end = nalEnd(keyframe, at);
  // Zeros belong to the next start code.
  while (end > at && keyframe[end - 1] === 0) end -= 1;
  const set = withoutReordering(keyframe.subarray(at, end));
  return set ? Buffer.concat([keyframe.subarray(0, at), set, keyframe.subarray(end)]) : keyframe;
}

import { BitReader, nalEnd, nextNal } from '#core/media/bitstream';
import type { VideoShape } from './parameter-sets.ts';

/** Types of a sequence parameter set (H.264, 7.4.1; H.265, 7.4.2.2). */
const SPS = { h264: 7, hevc: 33 } as const;
/** `general_constraint_indicator_flags`, bytes. */
const CONSTRAINTS = 6;

/**
 * What a browser calls the coding of a stream: `avc1.64001f` (RFC 6381, 3.3), `hvc1.1.6.L93.90` (ISO/IEC 14496-15, annex E.3);
 * undefined without a sequence parameter set.
 */
export function codecStringOf({ codec, sets }: Pick<VideoShape, 'codec' | 'sets'>): string | undefined {
  for (let at = nextNal(sets, 0); at >= 0; at = nextNal(sets, at)) {
    const header = sets[at] as number;
    const end = nalEnd(sets, at);
    if (codec === 'h264' && (header & 0x1f) === SPS.h264 && end - at >= 4)
      return `avc1.${sets.toString('hex', at + 1, at + 4)}`;
    if (codec === 'hevc' && ((header >> 1) & 0x3f) === SPS.hevc)
      return hevcString(new BitReader().open(sets, at + 2, end));
  }
  return undefined;
}

/** `profile_tier_level` (H.265, 7.3.3). */
function hevcString(bits: BitReader): string | undefined {
  // Ids, and how many layers there are.
  bits.bits(8);
  const space = ['', 'A', 'B', 'C'][bits.bits(2)];
  const tier = bits.bit() === 1 ? 'H' : 'L';
  const profile = bits.bits(5);
  let compatible = 0;
  // The first flag is the lowest bit.
  for (let i = 0; i < 32; i += 1) compatible += bits.bit() * 2 ** i;
  const constraints = Array.from({ length: CONSTRAINTS }, () => bits.bits(8));
  while (constraints.at(-1) === 0) constraints.pop();
  const level = bits.bits(8);
  if (bits.spent) return undefined;
  const flags = constraints.map((byte) => `.${byte.toString(16).toUpperCase()}`).join('');
  return `hvc1.${space}${profile}.${compatible.toString(16).toUpperCase()}.${tier}${level}${flags}`;
}

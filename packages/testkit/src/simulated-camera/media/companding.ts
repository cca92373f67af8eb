// G.711: 16 bits of sound in 8, as sign, position of the highest bit (segment) and the four bits after it.

const MU_BIAS = 132;
const MU_CLIP = 32_635;

/** G.711 µ-law of a sample, -32768..32767. */
export function muLaw(sample: number): number {
  const size = Math.min(Math.abs(sample), MU_CLIP) + MU_BIAS;
  const segment = 31 - Math.clz32(size) - 7;
  const code = (sample < 0 ? 0x80 : 0) | (segment << 4) | ((size >> (segment + 3)) & 0xf);
  return ~code & 0xff;
}

/** G.711 A-law of a sample, -32768..32767. */
export function aLaw(sample: number): number {
  const size = sample < 0 ? -sample - 1 : sample;
  const segment = size < 256 ? 0 : 31 - Math.clz32(size) - 7;
  const code = segment === 0 ? size >> 4 : (segment << 4) | ((size >> (segment + 3)) & 0xf);
  return (code | (sample < 0 ? 0 : 0x80)) ^ 0x55;
}

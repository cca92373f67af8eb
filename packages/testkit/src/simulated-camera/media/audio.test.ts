import { describe, expect, it } from 'vitest';
import { fakeClip } from '../../../test/clips.ts';
import { createAudio } from './audio.ts';
import { aLaw, muLaw } from './companding.ts';

/** G.711 decoders, written from the standard's tables of decision values. */
function fromMuLaw(code: number): number {
  const bits = ~code & 0xff;
  const size = (((bits & 0xf) << 3) + 132) << ((bits >> 4) & 7);
  return bits & 0x80 ? 132 - size : size - 132;
}

function fromALaw(code: number): number {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const base = ((bits & 0xf) << 4) + (segment === 0 ? 8 : 0x108);
  const size = segment > 1 ? base << (segment - 1) : base;
  return bits & 0x80 ? size : -size;
}

describe('companding', () => {
  it.each([
    ['µ-law', muLaw, fromMuLaw],
    ['A-law', aLaw, fromALaw],
  ])('%s comes back within its precision, for every sample', (_, encode, decode) => {
    for (let sample = -32_768; sample <= 32_767; sample += 7) {
      const code = encode(sample);
      expect(code).toBe(code & 0xff);
      expect(Math.abs(decode(code) - sample)).toBeLessThanOrEqual(Math.max(16, Math.abs(sample) / 25));
    }
  });

  it('has the codes of silence that the standard has', () => {
    expect([muLaw(0), aLaw(0), muLaw(-1), aLaw(-1)]).toEqual([0xff, 0xd5, 0x7f, 0x55]);
  });
});

describe('createAudio', () => {
  it('repeats a tone without a gap, 20 ms at a time', () => {
    const { payloads, samplesPerUnit, clockRate } = createAudio('pcmu', fakeClip());
    expect([samplesPerUnit, clockRate, samplesPerUnit / clockRate]).toEqual([160, 8000, 0.02]);
    const samples = [0, 1, 49, 50].map((unit) => [...(payloads(unit, 1400)[0] ?? [])].map(fromMuLaw));
    expect(samples.map((list) => list.length)).toEqual([160, 160, 160, 160]);
    expect(samples[3]).toEqual(samples[0]);
    const joined = [...(samples[2] ?? []), ...(samples[3] ?? [])];
    const steps = joined.slice(1).map((sample, i) => Math.abs(sample - (joined[i] ?? 0)));
    expect(Math.max(...steps)).toBeLessThan(3200);
    expect(Math.max(...joined)).toBeGreaterThan(7500);
  });

  it('cuts an AAC unit that is too large, every part with the size of the whole', () => {
    const audio = {
      sampleRate: 16_000,
      channels: 1,
      config: Buffer.from('1408', 'hex'),
      units: [Buffer.alloc(250, 7)],
    };
    const { payloads, parameters, map } = createAudio('aac', { ...fakeClip(), audio });
    const parts = payloads(3, 104);
    expect(parts.map((part) => part.byteLength)).toEqual([104, 104, 54]);
    expect(parts.map((part) => [part.readUInt16BE(0), part.readUInt16BE(2) >> 3])).toEqual(parts.map(() => [16, 250]));
    expect([map, parameters?.split(';').at(-1)]).toEqual(['MPEG4-GENERIC/16000/1', 'config=1408']);
  });

  it('says when the clip has no AAC', () => {
    expect(() => createAudio('aac', fakeClip())).toThrow(
      expect.objectContaining({ code: 'bad_option', path: 'audio' }),
    );
  });
});

import type { AudioFormat, AudioUnit } from '#core/media';

/** What WebRTC takes of the sound of cameras, with its names and static payload types in SDP (RFC 3551): G.711. Every browser has both. */
export const SOUND_CODECS = { pcmu: { sdp: 'PCMU', payloadType: 0 }, pcma: { sdp: 'PCMA', payloadType: 8 } } as const;
/** See {@link SOUND_CODECS}. */
export type SoundCodec = keyof typeof SOUND_CODECS;

/** Samples a second of G.711, each one byte: also the units of an RTP stamp (RFC 3551). */
export const SOUND_RATE = 8_000;
const PER_MS = SOUND_RATE / 1_000;

/** What can be sent to viewers as it is; undefined: nothing. Nothing is encoded again, and WebRTC has no AAC. */
export function soundCodecOf(audio: AudioFormat | undefined): SoundCodec | undefined {
  if (!audio || audio.codec === 'aac' || audio.sampleRate !== SOUND_RATE || audio.channels !== 1) return undefined;
  return audio.codec;
}

/** RTP stamps of one viewer's sound: they follow the camera's clock of the sound, across its connections. */
export class SoundStamps {
  /** The unit from which stamps are counted in the present connection of the camera. */
  #base: { readonly stamp: number; readonly ptsMs: number } | undefined;
  #last: { readonly stamp: number; readonly arrivedMs: number };
  #reconnected = false;

  /** @param origin The first stamp, 0 to 2³² - 1. Another one for each viewer. */
  constructor(origin: number) {
    this.#last = { stamp: origin, arrivedMs: Number.NaN };
  }

  /** There is another connection to the camera: its clock has another zero. */
  reconnected(): void {
    this.#reconnected = true;
  }

  /** The stamp of the next unit. */
  of({ ptsMs, arrivedMs }: Pick<AudioUnit, 'ptsMs' | 'arrivedMs'>): number {
    if (!this.#base) this.#base = { stamp: this.#last.stamp, ptsMs };
    else if (this.#reconnected) {
      // Time has passed for the viewer as it did here.
      const elapsed = Math.max(1, Math.round((arrivedMs - this.#last.arrivedMs) * PER_MS));
      this.#base = { stamp: this.#last.stamp + elapsed, ptsMs };
    }
    this.#reconnected = false;
    const stamp = this.#base.stamp + Math.round((ptsMs - this.#base.ptsMs) * PER_MS);
    this.#last = { stamp, arrivedMs };
    return stamp >>> 0;
  }
}

/** A unit in pieces that fit into packets, each with its stamp. */
export function* piecesOf(
  unit: Buffer,
  stamp: number,
  most: number,
): Generator<{ readonly data: Buffer; readonly stamp: number }> {
  // A byte is a sample.
  for (let at = 0; at < unit.byteLength; at += most)
    yield { data: unit.subarray(at, at + most), stamp: (stamp + at) >>> 0 };
}

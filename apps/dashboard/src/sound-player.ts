import type { Tone } from './alarm-sound.ts';

/**
 * `blocked`: the browser plays nothing before somebody has touched the page. `dead`: it says that it plays, and its clock
 * of sound stands still.
 */
export type SoundState = 'off' | 'blocked' | 'dead' | 'on';

/** Frequency in Hz, seconds after the beginning, length in seconds, and loudness, 0..1. */
type Note = readonly [hz: number, at: number, length: number, gain: number];

const TONES: Readonly<Record<Tone, readonly Note[]>> = {
  alarm: [
    [880, 0, 0.4, 0.3],
    [660, 0.45, 0.4, 0.3],
  ],
  urgent: [
    [880, 0, 0.4, 0.9],
    [660, 0.45, 0.4, 0.9],
  ],
  blind: [[196, 0, 0.7, 0.3]],
};
/** A tone that begins at once clicks. Seconds. */
const RAMP = 0.02;
/** A clock of sound that does not move for so long is dead. Milliseconds. */
const DEAD_MS = 3000;

/** Plays tones that are made here: nothing is loaded. */
export class SoundPlayer {
  #context: AudioContext | null = null;
  #moved = { second: -1, atMs: 0 };

  /** Browsers allow sound within a press; later calls ask again. */
  on(): void {
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => undefined);
  }

  off(): void {
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
  }

  /** @param localMs By a clock that never jumps. */
  state(localMs: number): SoundState {
    if (this.#context === null) return 'off';
    const { currentTime, state } = this.#context;
    if (state !== 'running' || currentTime !== this.#moved.second) this.#moved = { second: currentTime, atMs: localMs };
    if (state !== 'running') return 'blocked';
    return localMs - this.#moved.atMs > DEAD_MS ? 'dead' : 'on';
  }

  play(tone: Tone): void {
    const context = this.#context;
    if (context?.state !== 'running') return;
    for (const [hz, at, length, gain] of TONES[tone]) {
      const [from, to] = [context.currentTime + at, context.currentTime + at + length];
      const loudness = context.createGain();
      loudness.gain.setValueAtTime(0, from);
      loudness.gain.linearRampToValueAtTime(gain, from + RAMP);
      loudness.gain.setValueAtTime(gain, to - RAMP);
      loudness.gain.linearRampToValueAtTime(0, to);
      const oscillator = context.createOscillator();
      oscillator.type = 'triangle';
      oscillator.frequency.value = hz;
      oscillator.connect(loudness).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(to);
    }
  }
}

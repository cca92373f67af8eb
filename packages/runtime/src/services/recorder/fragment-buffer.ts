import type { RecordedItem } from './event-ring.ts';
import type { FragmentItems } from './segment-writer.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;
type Audio = Extract<RecordedItem, { kind: 'audio' }>;

/** A fragment is cut at this age, so that with its write it is no older than half a second. Milliseconds. */
const FRAGMENT_MS = 400;
/** One that needs more pictures waits for them, but not longer than this; looks whether they have come. Milliseconds. */
const NEEDY_MS = 1_000;
const LOOK_MS = 100;
/** Maximum fragment size in bytes, for streams whose time stamps do not advance. */
const BYTES = 8 * 1024 * 1024;

/** Units that wait to be written together. */
export class FragmentBuffer {
  #video: Video[] = [];
  #audio: Audio[] = [];
  #bytes = 0;

  add(item: RecordedItem): void {
    if (item.kind === 'video') this.#video.push(item);
    else this.#audio.push(item);
    this.#bytes += item.data.byteLength;
  }

  /**
   * Milliseconds until what waits is to be written: 0 or less when it is time. When nothing waits, what comes is due no
   * earlier than this. @param nowMs Monotonic, of the newest unit or of the present. @param needed See `SegmentWriter.needed`.
   */
  dueInMs(nowMs: number, needed = 1): number {
    const [first] = this.#video;
    if (first === undefined) return FRAGMENT_MS;
    if (this.#bytes > BYTES) return 0;
    const ageMs = nowMs - first.arrivedMs;
    if (this.#video.length >= needed) return FRAGMENT_MS - ageMs;
    return Math.min(Math.max(FRAGMENT_MS - ageMs, LOOK_MS), NEEDY_MS - ageMs);
  }

  /** Whether it is to be written before this picture. Sound that waits alone goes with the pictures that it precedes. */
  isDue({ keyframe, arrivedMs }: Video, needed?: number): boolean {
    return this.#video.length > 0 && (keyframe || this.dueInMs(arrivedMs, needed) <= 0);
  }

  /**
   * Empties it, except for the newest picture if there is no `next` one yet: how long a picture lasts shows with the next.
   * A picture that is alone is taken all the same.
   */
  take(next?: Video): FragmentItems {
    const kept = next === undefined && this.#video.length > 1 ? this.#video.pop() : undefined;
    const items = { video: this.#video, audio: this.#audio, next: next ?? kept };
    this.#video = kept ? [kept] : [];
    this.#audio = [];
    this.#bytes = kept?.data.byteLength ?? 0;
    return items;
  }

  /** Empties it for good. */
  takeAll(): FragmentItems {
    const items = { video: this.#video, audio: this.#audio, next: undefined, last: true };
    this.#video = [];
    this.#audio = [];
    this.#bytes = 0;
    return items;
  }
}

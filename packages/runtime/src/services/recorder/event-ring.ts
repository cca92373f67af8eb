import type { TapItem } from '#core/encoded';

/** A unit of the stream. */
export type RecordedItem = Extract<TapItem, { readonly data: Buffer }>;

interface Group {
  readonly capturedMs: number;
  readonly items: RecordedItem[];
  bytes: number;
}

/** When a picture was captured, monotonic milliseconds. */
export function capturedMsOf(item: Extract<RecordedItem, { kind: 'video' }>): number {
  return item.arrivedMs - item.latenessMs;
}

/**
 * The last seconds of a stream, in whole groups of pictures, so that what came before an event can be recorded. Bounded: when
 * the seconds need more bytes than are allowed, the oldest groups go.
 */
export class EventRing {
  readonly #spanMs: number;
  readonly #maxBytes: number;
  #groups: Group[] = [];
  #bytes = 0;

  /** @param spanMs What is kept at least, if it fits. */
  constructor(spanMs: number, maxBytes: number) {
    this.#spanMs = spanMs;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How far back it reaches, milliseconds before `nowMs`; 0 when it is empty. */
  reachMs(nowMs: number): number {
    const first = this.#groups[0];
    return first ? nowMs - first.capturedMs : 0;
  }

  /** Adds a unit. Before the first keyframe nothing is kept. */
  add(item: RecordedItem): void {
    if (item.kind === 'video' && item.keyframe) {
      const capturedMs = capturedMsOf(item);
      this.#groups.push({ capturedMs, items: [], bytes: 0 });
      // The second group covers the span by itself.
      while ((this.#groups[1]?.capturedMs ?? capturedMs) < capturedMs - this.#spanMs) this.#drop();
    }
    const group = this.#groups.at(-1);
    if (!group) return;
    group.items.push(item);
    group.bytes += item.data.byteLength;
    this.#bytes += item.data.byteLength;
    while (this.#bytes > this.#maxBytes && this.#groups.length > 0) this.#drop();
  }

  /** Takes everything from the last keyframe at or before this moment on, or all there is. Empties the ring. */
  take(fromMs: number): RecordedItem[] {
    const first = Math.max(
      0,
      this.#groups.findLastIndex(({ capturedMs }) => capturedMs <= fromMs),
    );
    const items = this.#groups.slice(first).flatMap((group) => group.items);
    this.clear();
    return items;
  }

  /** The connection has ended: what follows does not continue it. */
  clear(): void {
    this.#groups = [];
    this.#bytes = 0;
  }

  #drop(): void {
    this.#bytes -= this.#groups.shift()?.bytes ?? 0;
  }
}

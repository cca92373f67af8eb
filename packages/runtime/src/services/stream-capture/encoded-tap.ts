import type { AudioUnit, SourceFormat } from '#core/media';

/** What comes out of a tap, oldest first. A `format` comes before the first unit of each connection. */
export type TapItem =
  | { readonly kind: 'format'; readonly format: SourceFormat }
  | {
      readonly kind: 'video';
      /** A copy that all taps share: not to be written to. */
      readonly data: Buffer;
      readonly ptsMs: number;
      readonly arrivedMs: number;
      readonly keyframe: boolean;
      readonly damaged: boolean;
    }
  | ({ readonly kind: 'audio' } & AudioUnit);

/** How a tap has fared. offered = delivered + dropped + skipped + waiting, in units of picture and sound. */
export interface TapStatistics {
  readonly offered: number;
  readonly delivered: number;
  /** Because the tap was slow. */
  readonly dropped: number;
  /** Runs that were dropped: from somewhere in a group of pictures to the next keyframe. */
  readonly droppedGops: number;
  /** Before the first keyframe, and between a gap and the next one: they could not be decoded. */
  readonly skipped: number;
  readonly waiting: number;
  readonly waitingBytes: number;
}

/** Options of {@link EncodedTap}. */
export interface EncodedTapOptions {
  /** What may wait. A keyframe larger than this is dropped like anything else. */
  readonly maxBytes: number;
}

/**
 * One reader of the encoded stream: a recorder, a viewer. What it has not taken waits, within a bound; beyond that it loses
 * the oldest groups of pictures as a whole, so what it gets next after a gap is always a keyframe, and the newest keyframe
 * is never what is lost. It never slows anybody down.
 */
export class EncodedTap {
  readonly #maxBytes: number;
  readonly #onClose: (tap: EncodedTap) => void;
  #items: TapItem[] = [];
  #format: SourceFormat | undefined;
  #bytes = 0;
  #awaitingKeyframe = true;
  #offered = 0;
  #delivered = 0;
  #dropped = 0;
  #droppedGops = 0;
  #skipped = 0;
  #closed = false;
  #waiter: (() => void) | undefined;

  /** Use `EncodedTaps.open`. */
  constructor(options: EncodedTapOptions, onClose: (tap: EncodedTap) => void) {
    this.#maxBytes = options.maxBytes;
    this.#onClose = onClose;
  }

  /** The oldest item that waits; undefined when nothing does. */
  take(): TapItem | undefined {
    const format = this.#format;
    if (format) {
      this.#format = undefined;
      return { kind: 'format', format };
    }
    const item = this.#items.shift();
    if (item && item.kind !== 'format') {
      this.#bytes -= item.data.byteLength;
      this.#delivered += 1;
    }
    return item;
  }

  /**
   * The oldest item, as soon as there is one; undefined when the tap was closed. One caller at a time.
   *
   * @throws the signal's reason.
   */
  async next(signal?: AbortSignal): Promise<TapItem | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const item = this.take();
      if (item || this.#closed) return item;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal?.removeEventListener('abort', wake);
          this.#waiter = undefined;
          resolve();
        };
        this.#waiter = wake;
        signal?.addEventListener('abort', wake, { once: true });
      });
    }
  }

  statistics(): TapStatistics {
    const waiting = this.#items.filter((item) => item.kind !== 'format').length;
    return {
      offered: this.#offered,
      delivered: this.#delivered,
      dropped: this.#dropped,
      droppedGops: this.#droppedGops,
      skipped: this.#skipped,
      waiting,
      waitingBytes: this.#bytes,
    };
  }

  /** What waits can still be taken. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
    this.#waiter?.();
  }

  /** For the stream: a connection begins. */
  begin(format: SourceFormat): void {
    // In its place among what waits, or ready to be taken first. A connection that gave nothing leaves no trace.
    if (this.#items.at(-1)?.kind === 'format') this.#items.pop();
    if (this.#items.length === 0) this.#format = format;
    else this.#items.push({ kind: 'format', format });
    this.#awaitingKeyframe = true;
    this.#waiter?.();
  }

  /** For the stream: a unit. */
  offer(item: Exclude<TapItem, { kind: 'format' }>): void {
    this.#offered += 1;
    const keyframe = item.kind === 'video' && item.keyframe;
    if (keyframe) this.#awaitingKeyframe = false;
    if (this.#awaitingKeyframe) {
      this.#skipped += 1;
      return;
    }
    while (this.#bytes + item.data.byteLength > this.#maxBytes && this.#items.length > 0) this.#dropOldestGop(keyframe);
    // The group that this unit belongs to is gone, or was never going to fit.
    if (this.#awaitingKeyframe || this.#bytes + item.data.byteLength > this.#maxBytes) {
      this.#dropped += 1;
      this.#awaitingKeyframe = true;
      return;
    }
    this.#items.push(item);
    this.#bytes += item.data.byteLength;
    this.#waiter?.();
  }

  /** @param replaced Whether what comes next is a keyframe, so that nothing of the group that is lost follows. */
  #dropOldestGop(replaced: boolean): void {
    let end = this.#items.findIndex((item, i) => i > 0 && item.kind === 'video' && item.keyframe);
    if (end < 0) {
      end = this.#items.length;
      if (!replaced) this.#awaitingKeyframe = true;
    }
    const before = this.#dropped;
    for (const item of this.#items.splice(0, end)) {
      // The newest format is still needed to read what follows.
      if (item.kind === 'format') this.#format = item.format;
      else {
        this.#bytes -= item.data.byteLength;
        this.#dropped += 1;
      }
    }
    if (this.#dropped > before) this.#droppedGops += 1;
  }
}

/** All taps of one stream. A unit is copied once, and only when somebody listens. */
export class EncodedTaps {
  readonly #taps = new Set<EncodedTap>();
  #format: SourceFormat | undefined;

  /** A new tap; it begins with the next keyframe. Closed by whoever opened it. */
  open(options: EncodedTapOptions): EncodedTap {
    const tap = new EncodedTap(options, (closed) => this.#taps.delete(closed));
    this.#taps.add(tap);
    if (this.#format) tap.begin(this.#format);
    return tap;
  }

  get size(): number {
    return this.#taps.size;
  }

  begin(format: SourceFormat): void {
    this.#format = format;
    for (const tap of this.#taps) tap.begin(format);
  }

  /** Hot path while anybody listens. @param unit Its data is borrowed. */
  offer(kind: 'video' | 'audio', unit: AudioUnit & { readonly keyframe?: boolean; readonly damaged?: boolean }): void {
    if (this.#taps.size === 0) return;
    const { ptsMs, arrivedMs, keyframe = false, damaged = false } = unit;
    const data = Buffer.from(unit.data);
    const item: Exclude<TapItem, { kind: 'format' }> =
      kind === 'video' ? { kind, data, ptsMs, arrivedMs, keyframe, damaged } : { kind, data, ptsMs, arrivedMs };
    for (const tap of this.#taps) tap.offer(item);
  }

  /** Closes all. Idempotent. */
  close(): void {
    for (const tap of this.#taps) tap.close();
  }
}

import type { AudioUnit, SourceFormat } from '#core/media';

/** An item of a tap, oldest first. A `format` precedes the first unit of each connection. */
export type TapItem =
  | { readonly kind: 'format'; readonly format: SourceFormat }
  | {
      readonly kind: 'video';
      /** A copy that all taps share: read-only. */
      readonly data: Buffer;
      readonly ptsMs: number;
      readonly arrivedMs: number;
      readonly keyframe: boolean;
      readonly damaged: boolean;
    }
  | ({ readonly kind: 'audio' } & AudioUnit);

/** Counters of a tap, in units of video and audio. offered = delivered + dropped + skipped + waiting. */
export interface TapStatistics {
  readonly offered: number;
  readonly delivered: number;
  /** Because the tap was slow. */
  readonly dropped: number;
  /** Dropped runs, each from some unit of a group of pictures to the next keyframe. */
  readonly droppedGops: number;
  /** Before the first keyframe, and between a gap and the next one: no decoder could use them. */
  readonly skipped: number;
  readonly waiting: number;
  readonly waitingBytes: number;
}

/** Options of {@link EncodedTap}. */
export interface EncodedTapOptions {
  /** The limit of waiting data. A keyframe larger than this is dropped like any other unit. */
  readonly maxBytes: number;
}

/**
 * One reader of the encoded stream, such as a recorder or a viewer. Units that it has not taken wait within a bound. Beyond
 * the bound it loses the oldest groups of pictures as a whole: a keyframe follows each gap, and the newest keyframe is never
 * lost. A slow tap slows nothing down.
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

  /** The oldest waiting item; undefined when none waits. */
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
   * Waits for the oldest item; undefined when the tap is closed. One caller at a time.
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

  /** Waiting items can still be taken. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
    this.#waiter?.();
  }

  /** Called by the stream: a connection begins. */
  begin(format: SourceFormat): void {
    // Behind the waiting items, or first if there are none. A connection without units leaves no trace.
    if (this.#items.at(-1)?.kind === 'format') this.#items.pop();
    if (this.#items.length === 0) this.#format = format;
    else this.#items.push({ kind: 'format', format });
    this.#awaitingKeyframe = true;
    this.#waiter?.();
  }

  /** Called by the stream with each unit. */
  offer(item: Exclude<TapItem, { kind: 'format' }>): void {
    this.#offered += 1;
    const keyframe = item.kind === 'video' && item.keyframe;
    if (keyframe) this.#awaitingKeyframe = false;
    if (this.#awaitingKeyframe) {
      this.#skipped += 1;
      return;
    }
    while (this.#bytes + item.data.byteLength > this.#maxBytes && this.#items.length > 0) this.#dropOldestGop(keyframe);
    // The group of this unit was dropped, or the unit is larger than the bound.
    if (this.#awaitingKeyframe || this.#bytes + item.data.byteLength > this.#maxBytes) {
      this.#dropped += 1;
      this.#awaitingKeyframe = true;
      return;
    }
    this.#items.push(item);
    this.#bytes += item.data.byteLength;
    this.#waiter?.();
  }

  /** @param replaced Whether the next unit is a keyframe, so that the dropped group has no further units. */
  #dropOldestGop(replaced: boolean): void {
    let end = this.#items.findIndex((item, i) => i > 0 && item.kind === 'video' && item.keyframe);
    if (end < 0) {
      end = this.#items.length;
      if (!replaced) this.#awaitingKeyframe = true;
    }
    const before = this.#dropped;
    for (const item of this.#items.splice(0, end)) {
      // The reader needs the newest format for the units that follow.
      if (item.kind === 'format') this.#format = item.format;
      else {
        this.#bytes -= item.data.byteLength;
        this.#dropped += 1;
      }
    }
    if (this.#dropped > before) this.#droppedGops += 1;
  }
}

/** All taps of one stream. A unit is copied once for all of them, and not at all without taps. */
export class EncodedTaps {
  readonly #taps = new Set<EncodedTap>();
  #format: SourceFormat | undefined;

  /** A new tap, which begins with the next keyframe. The caller closes it. */
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

  /** Hot path while there are taps. @param unit Its data is borrowed. */
  offer(kind: 'video' | 'audio', unit: AudioUnit & { readonly keyframe?: boolean; readonly damaged?: boolean }): void {
    if (this.#taps.size === 0) return;
    const { ptsMs, arrivedMs, keyframe = false, damaged = false } = unit;
    const data = Buffer.from(unit.data);
    const item: Exclude<TapItem, { kind: 'format' }> =
      kind === 'video' ? { kind, data, ptsMs, arrivedMs, keyframe, damaged } : { kind, data, ptsMs, arrivedMs };
    for (const tap of this.#taps) tap.offer(item);
  }

  /** Closes all taps. Idempotent. */
  close(): void {
    for (const tap of this.#taps) tap.close();
  }
}

import type { AccessUnit, AudioUnit, SourceFormat } from '#core/media';

/** An access unit, and when it was captured. */
export interface TappedVideo extends AccessUnit {
  /** A copy that all taps share: read-only. */
  readonly data: Buffer;
  /** `arrivedMs` minus this is when it was captured; the picture may be older by `hiddenMs` (infinite: nobody knows). */
  readonly latenessMs: number;
  readonly hiddenMs: number;
}

/** An item of a tap, oldest first. A `format` precedes the first unit of each connection, and an `end` follows the last one. */
export type TapItem =
  | { readonly kind: 'format'; readonly format: SourceFormat }
  | { readonly kind: 'end' }
  | ({
      readonly kind: 'video';
      /** Counts the connection's access units: a step of more than one is a loss of this tap. */
      readonly index: number;
    } & TappedVideo)
  | ({ readonly kind: 'audio' } & AudioUnit);
/** A unit of a tap. */
type TapUnit = Extract<TapItem, { readonly data: Buffer }>;

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
  /** Begins with the newest keyframe that came, if the stream keeps it, and not with the next one. Default false. */
  readonly fromRecent?: boolean;
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
    if (item && 'data' in item) {
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
    const waiting = this.#items.filter((item) => 'data' in item).length;
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

  /** Called by the stream: the connection is over. Its units may still wait. */
  end(): void {
    // A connection without units leaves no trace.
    if (this.#format && this.#items.length === 0) {
      this.#format = undefined;
      return;
    }
    const last = this.#items.at(-1);
    if (last?.kind === 'format') this.#items.pop();
    else if (last?.kind !== 'end') this.#items.push({ kind: 'end' });
    this.#waiter?.();
  }

  /** Called by the stream with each unit. */
  offer(item: TapUnit): void {
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
      else if (item.kind !== 'end') {
        this.#bytes -= item.data.byteLength;
        this.#dropped += 1;
      }
    }
    if (this.#dropped > before) this.#droppedGops += 1;
  }
}

/** So much memory is taken at once for copies of units. Bytes. */
const PIECE_BYTES = 512 * 1024;
/** A larger unit, such as a keyframe, has memory of its own: little of a piece stays empty. Bytes. */
const OWN_BYTES = PIECE_BYTES / 4;

/**
 * Copies of units, side by side: memory for each of them would make the collector run all the time, for 16 cameras bring
 * 400 units a second. A piece lives as long as one of its units.
 */
class UnitCopies {
  #piece: Buffer = Buffer.alloc(0);
  #used = 0;

  copy(data: Uint8Array): Buffer {
    const { byteLength } = data;
    if (byteLength > OWN_BYTES) return Buffer.from(data);
    if (this.#used + byteLength > this.#piece.byteLength) {
      this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#used = 0;
    }
    const copy = this.#piece.subarray(this.#used, this.#used + byteLength);
    copy.set(data);
    this.#used += byteLength;
    return copy;
  }

  /** Between two connections there is nothing to copy. */
  forget(): void {
    this.#piece = Buffer.alloc(0);
    this.#used = 0;
  }
}

/**
 * All taps of one stream. A unit is copied once for all of them, and not at all without taps. With `recentBytes`, the units
 * since the newest keyframe are kept for taps that open later.
 */
export class EncodedTaps {
  readonly #taps = new Set<EncodedTap>();
  readonly #copies = new UnitCopies();
  readonly #recentLimit: number;
  #recent: TapUnit[] = [];
  #recentSize = 0;
  #index = 0;
  #format: SourceFormat | undefined;

  /** @param recentBytes Most bytes that are kept for later taps; a longer group is not kept. Default 0: none. */
  constructor(recentBytes = 0) {
    this.#recentLimit = recentBytes;
  }

  /** A new tap, which begins with a keyframe. The caller closes it. */
  open(options: EncodedTapOptions): EncodedTap {
    const tap = new EncodedTap(options, (closed) => this.#taps.delete(closed));
    this.#taps.add(tap);
    if (this.#format) tap.begin(this.#format);
    if (options.fromRecent) for (const item of this.#recent) tap.offer(item);
    return tap;
  }

  get size(): number {
    return this.#taps.size;
  }

  begin(format: SourceFormat): void {
    this.#format = format;
    this.#forgetRecent();
    for (const tap of this.#taps) tap.begin(format);
  }

  /** The connection is over: nothing of it is kept for later taps. */
  end(): void {
    if (this.#format) for (const tap of this.#taps) tap.end();
    this.#format = undefined;
    this.#copies.forget();
    this.#forgetRecent();
  }

  /** Hot path. @param unit Its data is borrowed. */
  offerVideo(unit: AccessUnit, latenessMs: number, hiddenMs: number): void {
    if (this.#idle) return;
    // A copy of the object too: it is the source's.
    this.#index += 1;
    const index = this.#index;
    this.#offer(
      { ...unit, kind: 'video', index, data: this.#copies.copy(unit.data), latenessMs, hiddenMs },
      unit.keyframe,
    );
  }

  /** Hot path. @param unit Its data is borrowed. */
  offerAudio({ data, ptsMs, arrivedMs }: AudioUnit): void {
    if (!this.#idle) this.#offer({ kind: 'audio', data: this.#copies.copy(data), ptsMs, arrivedMs }, false);
  }

  /** Closes all taps. Idempotent. */
  close(): void {
    for (const tap of this.#taps) tap.close();
    this.#forgetRecent();
  }

  get #idle(): boolean {
    return this.#taps.size === 0 && this.#recentLimit === 0;
  }

  #offer(item: TapUnit, keyframe: boolean): void {
    if (this.#recentLimit > 0) this.#keep(item, keyframe);
    for (const tap of this.#taps) tap.offer(item);
  }

  #keep(item: TapUnit, keyframe: boolean): void {
    if (keyframe) this.#forgetRecent();
    else if (this.#recent.length === 0) return;
    this.#recent.push(item);
    this.#recentSize += item.data.byteLength;
    if (this.#recentSize > this.#recentLimit) this.#forgetRecent();
  }

  #forgetRecent(): void {
    this.#recent = [];
    this.#recentSize = 0;
  }
}

import { Backoff, type Clock, type Log, sleep } from '@vigia/base';
import { H264Decoder, Picture } from '#core/media/libav';
import { type AccessUnit, RtspClient, type RtspTimeouts, SourceError, type SourceReason } from '#core/media/rtsp';
import { Lateness } from './lateness.ts';
import { SourceInterval } from './source-interval.ts';

/** What a camera is doing. `message` is one sentence for people, without credentials. */
export type CaptureState =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'waiting'; readonly reason: SourceReason; readonly message: string; readonly retryInMs: number }
  | { readonly state: 'stopped' };

/**
 * Access units are conserved (AD2): captured = published + noDemand + undecodable + late + inDecoder, at any moment. Each
 * is counted at its own event.
 */
export interface CaptureCounters {
  captured: number;
  published: number;
  noDemand: number;
  undecodable: number;
  late: number;
  /** In the decoder, or just out of it and not yet published. */
  inDecoder: number;
  /** Connections after the first. */
  reconnects: number;
}

/** Where pictures go. */
export interface PictureSink {
  /** Takes over the reference. Must return at once. */
  publish(picture: Picture): void;
  /** Whether anybody wants pictures. */
  hasDemand(): boolean;
}

/** Options of {@link StreamCapture}. */
export interface StreamCaptureOptions {
  /** `rtsp://…`, may hold credentials. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly sink: PictureSink;
  readonly onState: (state: CaptureState) => void;
  readonly timeouts?: Partial<RtspTimeouts>;
}

interface PendingUnit {
  readonly arrivedMs: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  readonly latenessMs: number;
  readonly ptsMs: number;
}

/** A connection that lasted this long was good: the next failure starts with a short wait again. */
const HEALTHY_MS = 10_000;
/** All pictures this late for this long: reconnecting is the only thing that empties queues that are not ours. */
const LAGGING_MS = 2_000;
const LAGGING_FOR_MS = 10_000;

/**
 * Drains one camera: connects, decodes every unit as it comes, stamps it and publishes the newest picture. Never waits
 * for a consumer. Reconnects by itself until closed.
 */
export class StreamCapture {
  readonly #o: StreamCaptureOptions;
  readonly #decoder: H264Decoder;
  readonly #abort = new AbortController();
  readonly #units = new Map<number, PendingUnit>();
  readonly #counters: CaptureCounters = {
    captured: 0,
    published: 0,
    noDemand: 0,
    undecodable: 0,
    late: 0,
    inDecoder: 0,
    reconnects: 0,
  };
  readonly #interval = new SourceInterval();
  readonly #backoff = new Backoff({ firstMs: 500, maxMs: 10_000 });
  /** Cameras lock out who asks too often with a wrong password. */
  readonly #lockoutBackoff = new Backoff({ firstMs: 15_000, maxMs: 120_000 });
  #lateness = new Lateness(90_000);
  #running: Promise<void> | undefined;
  #client: RtspClient | undefined;
  #end: ((reason: SourceError) => void) | undefined;
  #unitId = 0;
  #needKeyframe = true;
  #candidate: { picture: Picture; latenessMs: number } | undefined;
  #flushScheduled = false;
  #live = false;
  #laggingSinceMs: number | undefined;

  constructor(options: StreamCaptureOptions) {
    this.#o = options;
    this.#decoder = new H264Decoder((frame, unitId) => this.#onPicture(frame, unitId));
  }

  /** The camera's current frame interval in milliseconds. */
  get sourceIntervalMs(): number {
    return this.#interval.ms;
  }

  counters(): CaptureCounters {
    return { ...this.#counters };
  }

  /** Begins to connect; returns at once. Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Says goodbye to the camera and stops. Idempotent. The decoder is freed. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#client?.close();
    this.#end?.(new SourceError('ended', 'closed'));
    await this.#running;
    this.#forgetStream();
    this.#decoder.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let first = true; !signal.aborted; first = false) {
      if (!first) this.#counters.reconnects += 1;
      this.#o.onState({ state: 'connecting' });
      const startedMs = this.#o.clock.nowMs();
      const reason = await this.#runOnce(signal);
      if (signal.aborted) break;
      if (this.#o.clock.nowMs() - startedMs > HEALTHY_MS) this.#backoff.reset();
      const retryInMs = (reason.code === 'unauthorized' ? this.#lockoutBackoff : this.#backoff).next();
      this.#o.onState({ state: 'waiting', reason: reason.code, message: reason.message, retryInMs });
      // The wait ends early only by closing, which the loop's condition sees.
      await sleep(this.#o.clock, retryInMs, signal).catch(() => undefined);
    }
    this.#o.onState({ state: 'stopped' });
  }

  /** One honest attempt: resolves with the reason why it ended. */
  async #runOnce(signal: AbortSignal): Promise<SourceError> {
    this.#forgetStream();
    try {
      return await new Promise<SourceError>((resolve, reject) => {
        this.#end = resolve;
        RtspClient.open(
          {
            url: this.#o.url,
            clock: this.#o.clock,
            ...(this.#o.timeouts ? { timeouts: this.#o.timeouts } : {}),
            onUnit: (unit) => this.#onUnit(unit),
            onReadEnd: () => this.#onReadEnd(),
            onEnd: resolve,
          },
          signal,
        ).then((client) => {
          this.#client = client;
          if (signal.aborted) client.close();
        }, reject);
      });
    } catch (error) {
      return error instanceof SourceError ? error : new SourceError('corrupt', String(error), { cause: error });
    } finally {
      this.#client?.close();
      this.#client = undefined;
      this.#end = undefined;
    }
  }

  /** Hot path: once per access unit. */
  #onUnit(unit: AccessUnit): void {
    const counters = this.#counters;
    counters.captured += 1;
    const timing = this.#lateness.observe(unit.rtpTime, unit.arrivedMs);
    this.#interval.observe(timing.ptsMs);
    if (!this.#o.sink.hasDemand()) {
      counters.noDemand += 1;
      this.#needKeyframe = true;
      // Nobody wants pictures: that units come is all there is to see.
      this.#setLive();
      return;
    }
    if (unit.damaged || (this.#needKeyframe && !unit.keyframe)) {
      counters.undecodable += 1;
      this.#needKeyframe = true;
      return;
    }
    this.#needKeyframe = false;
    this.#unitId += 1;
    const id = this.#unitId;
    const latenessMs = Math.max(0, timing.latenessMs);
    const capturedMs = unit.arrivedMs - latenessMs;
    const capturedWallMs = this.#o.clock.wallMs() - (this.#o.clock.nowMs() - capturedMs);
    this.#units.set(id, { arrivedMs: unit.arrivedMs, capturedMs, capturedWallMs, latenessMs, ptsMs: timing.ptsMs });
    counters.inDecoder += 1;
    if (this.#decoder.decode(unit.data, id) === 'error' && this.#units.delete(id)) {
      counters.inDecoder -= 1;
      counters.undecodable += 1;
      this.#needKeyframe = true;
    }
    this.#expireUnits();
  }

  /** A unit that the decoder swallowed without a picture will never come out: more are in it than it may hold back. */
  #expireUnits(): void {
    const limit = this.#decoder.reorderDelay + this.#decoder.hiddenDelay + 1;
    while (this.#units.size > limit) {
      const oldest = this.#units.keys().next().value as number;
      this.#units.delete(oldest);
      this.#counters.inDecoder -= 1;
      this.#counters.undecodable += 1;
    }
  }

  #onPicture(frame: ConstructorParameters<typeof Picture>[0], unitId: number): void {
    const unit = this.#units.get(unitId);
    if (!unit) {
      // Given up above, or from before a reset.
      this.#decoder.recycle(frame);
      return;
    }
    this.#units.delete(unitId);
    const stamps = {
      capturedMs: unit.capturedMs,
      capturedWallMs: unit.capturedWallMs,
      arrivedMs: unit.arrivedMs,
      decodedMs: this.#o.clock.nowMs(),
      ptsUs: Math.round(unit.ptsMs * 1000),
    };
    if (this.#candidate) this.#dropCandidate();
    this.#candidate = { picture: new Picture(frame, stamps, this.#recycle), latenessMs: unit.latenessMs };
  }

  /**
   * Only the newest picture of one read is published. When it is late, more bytes are probably waiting in the socket:
   * it is held until the end of this turn of the event loop, so that what else is there can replace it.
   */
  #onReadEnd(): void {
    const candidate = this.#candidate;
    if (!candidate) return;
    this.#watchLag(candidate.latenessMs);
    if (candidate.latenessMs <= this.#interval.ms / 2) {
      this.#publishCandidate();
      return;
    }
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#candidate) this.#publishCandidate();
  };

  #publishCandidate(): void {
    const { picture } = this.#candidate as { picture: Picture };
    this.#candidate = undefined;
    this.#counters.inDecoder -= 1;
    this.#counters.published += 1;
    this.#setLive();
    this.#o.sink.publish(picture);
  }

  #setLive(): void {
    if (this.#live) return;
    this.#live = true;
    this.#lockoutBackoff.reset();
    this.#o.onState({ state: 'live' });
  }

  #dropCandidate(): void {
    this.#candidate?.picture.release();
    this.#candidate = undefined;
    this.#counters.inDecoder -= 1;
    this.#counters.late += 1;
  }

  #watchLag(latenessMs: number): void {
    if (latenessMs < LAGGING_MS) {
      this.#laggingSinceMs = undefined;
      return;
    }
    const now = this.#o.clock.nowMs();
    this.#laggingSinceMs ??= now;
    if (now - this.#laggingSinceMs < LAGGING_FOR_MS) return;
    this.#client?.close();
    this.#end?.(
      new SourceError(
        'stalled',
        `the stream has been ${Math.round(latenessMs)} ms late for ${LAGGING_FOR_MS / 1000} s`,
      ),
    );
  }

  /** Between two connections: nothing of the old stream may reach the new one. */
  #forgetStream(): void {
    if (this.#candidate) this.#dropCandidate();
    this.#counters.undecodable += this.#units.size;
    this.#counters.inDecoder -= this.#units.size;
    this.#units.clear();
    this.#needKeyframe = true;
    this.#live = false;
    this.#laggingSinceMs = undefined;
    this.#lateness = new Lateness(90_000);
    this.#interval.reset();
    if (!this.#abort.signal.aborted && this.#unitId > 0) this.#decoder.reset();
  }

  readonly #recycle = (frame: ConstructorParameters<typeof Picture>[0]): void => this.#decoder.recycle(frame);
}

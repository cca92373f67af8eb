import { Backoff, every, sleep, type Timer } from '@vigia/base';
import { staleAfterMs } from '@vigia/frame-supplier';
import { type EncodedTap, type EncodedTapOptions, EncodedTaps } from '#core/encoded';
import { type AccessUnit, type Source, SourceError, type SourceFormat, type SourceOptions } from '#core/media';
import type { Needs } from '#core/media/bitstream';
import { type Picture, refusal } from '#core/media/libav';
import { connectSource } from '#core/media/sources';
import { CameraClock } from './camera-clock.ts';
import type { CaptureCounters, CaptureState, StreamCaptureOptions, StreamDescription } from './capture-options.ts';
import { Lateness } from './lateness.ts';
import { DECODE_ALL, type DecodeOptions, UnitDecoder } from './unit-decoder.ts';

/** Why an open connection gives no picture that can be used. */
interface Trouble {
  readonly kind: 'silent' | 'late' | 'blind';
  readonly message: string;
}

/** After a connection that has been live for this long, the back-off starts from the beginning. Milliseconds. */
const HEALTHY_MS = 10_000;
/**
 * A stream whose pictures are all too old to be used is `stalled` after {@link STALLED_MS}. After this long vigia reconnects:
 * nothing else empties queues elsewhere. Milliseconds.
 */
const LAGGING_FOR_MS = 10_000;
const WATCH_MS = 500;
/** A stream is `stalled` after this long, and three intervals, without a unit or without a wanted picture. Milliseconds. */
const STALLED_MS = 2_000;
/** After this long, and three groups of pictures, without a wanted picture, vigia reconnects for a keyframe. Milliseconds. */
const HOPELESS_MS = 20_000;

/**
 * Drains one source: connects, and passes each unit to the taps and to the decoder as it arrives. Never waits for a consumer.
 * Reconnects by itself until it is closed, or until a file ends.
 */
export class StreamCapture {
  readonly #o: StreamCaptureOptions;
  readonly #decoder: UnitDecoder;
  readonly #taps: EncodedTaps;
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  /** Cameras lock out clients that try a wrong password too often. */
  readonly #lockoutBackoff = new Backoff({ firstMs: 15_000, maxMs: 120_000 });
  readonly #cameraClock = new CameraClock();
  #lateness = new Lateness(this.#cameraClock);
  #running: Promise<void> | undefined;
  #source: Source | undefined;
  /** Whether the source knows that pictures are wanted. */
  #wanted = true;
  #format: SourceFormat | undefined;
  #end: ((reason: SourceError) => void) | undefined;
  #watch: Timer | undefined;
  #state: CaptureState['state'] = 'connecting';
  #reconnects = 0;
  #lostBefore = 0;
  /** Since when every unit was too old to be used; undefined while they are not. */
  #laggingSinceMs: number | undefined;
  /** When the last unit came that was not too old to be used; at first, when the first of the connection came. */
  #usableMs = 0;
  /** How old the newest unit or picture was when it came. */
  #ageMs = 0;
  /** Monotonic milliseconds; undefined before the first of a connection. */
  #firstUnitMs: number | undefined;
  #lastUnitMs = 0;
  /** When a picture was last published, or when pictures were last not wanted. */
  #lastPictureMs = 0;
  #suspected: Trouble | undefined;
  /** What the state `stalled` was last announced for. */
  #stalledBy: Trouble['kind'] | undefined;
  /** When the connection became live; undefined while it has not. */
  #liveSinceMs: number | undefined;

  constructor(options: StreamCaptureOptions) {
    this.#o = options;
    this.#taps = new EncodedTaps(options.recentBytes);
    this.#backoff = new Backoff(options.backoff ?? { firstMs: 500, maxMs: 10_000 });
    const decode = options.decode ?? DECODE_ALL;
    this.#decoder = new UnitDecoder({
      clock: options.clock,
      decode,
      publish: (picture) => this.#publish(picture),
      onRemark: (sentence) => options.log.warn(sentence),
      onTooLarge: (needs) => this.#onTooLarge(needs, decode.maxPicture),
    });
  }

  /** Between two published pictures, milliseconds. */
  get sourceIntervalMs(): number {
    return this.#decoder.intervalMs;
  }

  counters(): CaptureCounters {
    return { ...this.#decoder.counters(), reconnects: this.#reconnects, lostPackets: this.lostPackets };
  }

  /** RTP packets that never arrived, of all connections. */
  get lostPackets(): number {
    return this.#lostBefore + (this.#source?.lostPackets ?? 0);
  }

  /** The stream of the current or last connection; undefined before the first one. */
  describe(): StreamDescription | undefined {
    const { intervalMs, gopMs, decoderName, size } = this.#decoder;
    return this.#format && { format: this.#format, ...size, intervalMs, gopMs, decoder: decoderName };
  }

  /** A reader of the encoded stream, from the next keyframe on. The caller or the end of the capture closes it. */
  openTap(options: EncodedTapOptions): EncodedTap {
    return this.#taps.open(options);
  }

  /** Demand may have changed: asks at once, not with the next unit. */
  askDemand(): void {
    this.#demand(this.#o.sink.hasDemand());
  }

  /** Ends the connection, if there is one; another one follows. @param message Why, for people. */
  reconnect(message: string): void {
    this.#end?.(new SourceError('stalled', message));
  }

  /** Starts to connect; returns at once. Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the session with the camera, frees the decoder and closes the taps. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#watch?.cancel();
    this.#source?.close();
    this.#end?.(new SourceError('ended', 'closed'));
    await this.#running;
    this.#taps.close();
    this.#decoder.forget();
  }

  async #run(): Promise<void> {
    const { clock } = this.#o;
    const { signal } = this.#abort;
    this.#watch = every(clock, WATCH_MS, () => this.#check(clock.nowMs()));
    let over: SourceError | undefined;
    for (let first = true; !signal.aborted; first = false) {
      if (!first) this.#reconnects += 1;
      this.#setState({ state: 'connecting' });
      const reason = await this.#runOnce(signal);
      if (signal.aborted) break;
      if (reason.code === 'ended' && this.#format?.kind === 'file') {
        over = reason;
        break;
      }
      if (this.#liveSinceMs !== undefined && clock.nowMs() - this.#liveSinceMs > HEALTHY_MS) this.#backoff.reset();
      this.#liveSinceMs = undefined;
      const retryInMs =
        reason.retryInMs ?? (reason.code === 'unauthorized' ? this.#lockoutBackoff : this.#backoff).next();
      this.#setState({ state: 'waiting', reason: reason.code, message: reason.message, retryInMs });
      // Only `close` ends the wait early; the loop's condition sees it.
      await sleep(clock, retryInMs, signal).catch(() => undefined);
    }
    this.#watch.cancel();
    this.#setState(over ? { state: 'stopped', reason: over.code, message: over.message } : { state: 'stopped' });
  }

  /** One connection, from its attempt on. Resolves with the reason of its end. */
  async #runOnce(signal: AbortSignal): Promise<SourceError> {
    // An attempt may be given up before it is open: its later events are ignored.
    const attempt = new AbortController();
    const either = AbortSignal.any([signal, attempt.signal]);
    try {
      return await new Promise<SourceError>((resolve, reject) => {
        this.#end = resolve;
        (this.#o.open ?? connectSource)(this.#sourceOptions(attempt.signal, resolve), either).then((source) => {
          if (either.aborted) source.close();
          else this.#source = source;
        }, reject);
      });
    } catch (error) {
      return error instanceof SourceError ? error : new SourceError('corrupt', String(error), { cause: error });
    } finally {
      attempt.abort();
      this.#forgetConnection();
    }
  }

  /** @param over Aborted when the attempt is over: its events are ignored from then on. */
  #sourceOptions(over: AbortSignal, onEnd: (reason: SourceError) => void): SourceOptions {
    const { url, clock, transport, tls, audio, timeouts } = this.#o;
    return {
      url,
      clock,
      ...(transport ? { transport } : {}),
      ...(tls ? { tls } : {}),
      ...(timeouts ? { timeouts } : {}),
      audio: audio ?? false,
      onFormat: (format) => {
        if (!over.aborted) this.#onFormat(format);
      },
      onUnit: (unit) => {
        if (!over.aborted) this.#onUnit(unit);
      },
      onAudio: (unit) => {
        if (!over.aborted) this.#taps.offerAudio(unit);
      },
      onReadEnd: () => {
        if (!over.aborted) this.#onReadEnd();
      },
      onReport: (report) => {
        if (!over.aborted) this.#lateness.report(report);
      },
      onEnd,
    };
  }

  #onFormat(format: SourceFormat): void {
    this.#format = format;
    this.#decoder.begin(format);
    this.#taps.begin(format);
  }

  /** Hot path: once per access unit. */
  #onUnit(unit: AccessUnit): void {
    this.#lastUnitMs = unit.arrivedMs;
    if (this.#firstUnitMs === undefined) this.#firstUnitMs = this.#usableMs = unit.arrivedMs;
    const latenessMs = unit.measured?.latenessMs ?? this.#latenessOf(unit);
    // Files have no hidden delay: age counts from the read.
    const hiddenMs = this.#format?.kind === 'file' ? 0 : (unit.measured?.hiddenMs ?? this.#lateness.hiddenMs);
    this.#taps.offerVideo(unit, latenessMs, hiddenMs);
    const wanted = this.#o.sink.hasDemand();
    this.#demand(wanted);
    // A decoder holds back reordered pictures: where there are some, their own age decides.
    const hasPictures = wanted && unit.arrivedMs - this.#lastPictureMs < STALLED_MS;
    if (!hasPictures || this.#isTooOld(latenessMs)) this.#watchLag(latenessMs, unit.arrivedMs);
    if (!wanted) {
      // Without demand there are no pictures: the stream is live while units arrive.
      this.#lastPictureMs = unit.arrivedMs;
      this.#setLive(unit.arrivedMs);
    }
    this.#decoder.push(unit, latenessMs, wanted, hiddenMs);
  }

  #demand(wanted: boolean): void {
    if (wanted === this.#wanted || !this.#source) return;
    this.#wanted = wanted;
    this.#source.demand?.(wanted);
  }

  #latenessOf({ ptsMs, arrivedMs }: AccessUnit): number {
    return this.#format?.live ? this.#lateness.observe(ptsMs, arrivedMs) : 0;
  }

  #onReadEnd(): void {
    this.#decoder.readEnd();
  }

  #publish(picture: Picture): void {
    this.#lastPictureMs = this.#o.clock.nowMs();
    this.#watchLag(this.#lastPictureMs - picture.capturedMs, this.#lastPictureMs);
    this.#lockoutBackoff.reset();
    this.#setLive(this.#lastPictureMs);
    this.#o.sink.publish(picture);
  }

  #setLive(nowMs: number): void {
    if (this.#isLagging(nowMs)) return;
    this.#liveSinceMs ??= nowMs;
    if (this.#state !== 'live') this.#setState({ state: 'live' });
  }

  /** Checks, on one coarse timer, whether units and pictures still arrive. */
  #check(now: number): void {
    if (this.#firstUnitMs === undefined) return;
    const trouble = this.#trouble(now);
    // Reported only when two checks in a row find it: if this process was suspended, it reads the units of that time
    // between the two.
    if (trouble !== undefined && this.#suspected !== undefined) {
      if (this.#isHopeless(now)) this.#giveUp(trouble.message);
      else if (this.#state !== 'stalled' || this.#stalledBy !== trouble.kind) {
        this.#stalledBy = trouble.kind;
        this.#setState({ state: 'stalled', reason: 'stalled', message: trouble.message });
      }
    }
    this.#suspected = trouble;
  }

  #trouble(now: number): Trouble | undefined {
    const { intervalMs, gopMs } = this.#decoder;
    const keyframes = this.#o.decode?.mode === 'keyframes';
    const silentMs = now - this.#lastUnitMs;
    if (silentMs > Math.max(STALLED_MS, keyframes ? 0 : 3 * intervalMs))
      return { kind: 'silent', message: `no video for ${seconds(silentMs)}` };
    if (this.#isLagging(now)) return { kind: 'late', message: this.#lagText() };
    // Before the second keyframe, the interval between keyframes is unknown.
    const patienceMs = Math.max(STALLED_MS, 3 * (keyframes ? (gopMs ?? HOPELESS_MS) : intervalMs));
    const blindMs = now - Math.max(this.#lastPictureMs, this.#firstUnitMs ?? now);
    if (!this.#o.sink.hasDemand() || blindMs <= patienceMs || this.#laggingSinceMs !== undefined) return undefined;
    const concealing = this.#o.decode?.onLoss === 'conceal';
    const spoiled = concealing ? 'none of what comes can be decoded' : 'nothing whole comes (see on_loss)';
    const why = this.#decoder.badParameterSets ?? (this.#decoder.keyframes === 0 ? 'no keyframe came' : spoiled);
    return { kind: 'blind', message: `no picture for ${seconds(blindMs)}: ${why}` };
  }

  #isHopeless(now: number): boolean {
    // Most sources detect silence themselves, and earlier.
    if (now - this.#lastUnitMs > HOPELESS_MS) return true;
    if (this.#laggingSinceMs !== undefined && now - this.#laggingSinceMs >= LAGGING_FOR_MS) return true;
    const patienceMs = Math.max(HOPELESS_MS, 3 * (this.#decoder.gopMs ?? 0));
    return this.#o.sink.hasDemand() && now - Math.max(this.#lastPictureMs, this.#firstUnitMs ?? now) > patienceMs;
  }

  /** One unit or picture that can be used ends it: a backlog that was read is over. */
  #watchLag(ageMs: number, nowMs: number): void {
    this.#ageMs = ageMs;
    if (this.#isTooOld(ageMs)) {
      this.#laggingSinceMs ??= nowMs;
      return;
    }
    this.#laggingSinceMs = undefined;
    this.#usableMs = nowMs;
  }

  #isTooOld(ageMs: number): boolean {
    return ageMs >= staleAfterMs(this.#decoder.intervalMs);
  }

  /** Counts the silence before the first unit that was too old, too: nothing could be used in it either. */
  #isLagging(nowMs: number): boolean {
    return this.#laggingSinceMs !== undefined && nowMs - this.#usableMs > STALLED_MS;
  }

  #lagText(): string {
    const limitMs = staleAfterMs(this.#decoder.intervalMs);
    return `its pictures are ${seconds(this.#ageMs)} old when they come, and from ${seconds(limitMs)} on none is used: something between here and the camera's sensor holds them back`;
  }

  #giveUp(message: string): void {
    this.#source?.abandon?.(message);
    const corrupt = this.#decoder.keyframes > 0 && this.#decoder.size.width === 0;
    this.#end?.(new SourceError(corrupt ? 'corrupt' : 'stalled', message));
  }

  #onTooLarge(needs: Needs, limit: DecodeOptions['maxPicture']): void {
    this.#end?.(new SourceError('unsupported_codec', refusal(needs, limit)));
  }

  /** Resets all state of one connection. */
  #forgetConnection(): void {
    this.#lostBefore += this.#source?.lostPackets ?? 0;
    this.#source?.close();
    this.#source = undefined;
    this.#wanted = true;
    this.#taps.end();
    this.#end = undefined;
    this.#decoder.forget();
    this.#laggingSinceMs = undefined;
    this.#firstUnitMs = undefined;
    this.#suspected = undefined;
    this.#lateness = new Lateness(this.#cameraClock);
  }

  #setState(state: CaptureState): void {
    this.#state = state.state;
    this.#o.onState(state);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

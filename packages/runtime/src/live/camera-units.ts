import { Backoff, type Clock, type Log, messageOf, sleep, VigiaError } from '@vigia/base';
import { type EncodedTap, EncodedTaps, RelayedSource } from '#core/encoded';
import { LIVE_MEMORY } from '#core/live-link';
import type { AccessUnit, AudioUnit, Source, SourceError, SourceFormat } from '#core/media';
import { profileIn } from './parameter-sets.ts';
import type { NewestPicture } from './picture-stamps.ts';
import { soundCodecOf } from './sound.ts';

const BACKOFF = { firstMs: 100, maxMs: 2_000 };
/** A camera that sends something must have sent it within this time. Milliseconds. */
const FIRST_MS = 3_000;
/** A picture that came so long ago at most is the newest one; kept ones are older. Milliseconds. */
const FRESH_MS = 150;
/** When nothing newer comes for so long, the last one is the newest. Milliseconds. */
const QUIET_MS = 1_000;

/** A stream with B-pictures has one among so many pictures. */
const PROOF = 8;

/** Options of {@link CameraUnits}. */
export interface CameraUnitsOptions {
  readonly camera: string;
  /** See `LiveCamera`. */
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The encoded pictures and sound of one camera, for all who look at it: read once, from the process that holds its connection. */
export class CameraUnits {
  readonly #o: CameraUnitsOptions;
  readonly #taps = new EncodedTaps(LIVE_MEMORY.recent);
  readonly #abort = new AbortController();
  readonly #arrivals = new Set<() => void>();
  #format: SourceFormat | undefined;
  #newest: (NewestPicture & { readonly arrivedMs: number }) | undefined;
  /** Counts units like the taps do. */
  #index = 0;
  /** Something is missing: no picture is whole until a keyframe comes. */
  #broken = false;
  #trouble = 'it has sent nothing yet';
  #profile: string | undefined;
  /** The latest time of a picture of the connection, and how many there were. */
  #latestPtsMs = Number.NEGATIVE_INFINITY;
  #seen = 0;
  #reorders = false;

  /** Begins to read. The caller closes it. */
  constructor(options: CameraUnitsOptions) {
    this.#o = options;
    void this.#run();
  }

  /** The format of the connection; undefined while there is none. */
  get format(): SourceFormat | undefined {
    return this.#format;
  }

  /** Of H.264, as `profile-level-id` begins: `64`. Undefined before the first keyframe, and of other codecs. */
  get profile(): string | undefined {
    return this.#profile;
  }

  /** Whether a picture may be shown before one that is decoded earlier (B-pictures): until a few have come, nobody knows. */
  get mayReorder(): boolean {
    return this.#reorders || this.#seen < PROOF;
  }

  /** From the newest keyframe on. The caller closes it. */
  open(): EncodedTap {
    return this.#taps.open({ maxBytes: LIVE_MEMORY.viewer, fromRecent: true });
  }

  /**
   * The newest picture of the camera, once it is known.
   *
   * @throws VigiaError `camera_away` when nothing comes.
   */
  async newest(): Promise<NewestPicture> {
    const { clock, camera } = this.#o;
    const beganMs = clock.nowMs();
    for (;;) {
      const nowMs = clock.nowMs();
      const newest = this.#format ? this.#newest : undefined;
      if (newest && nowMs - newest.arrivedMs < FRESH_MS) return newest;
      const untilMs = beganMs + (newest ? QUIET_MS : FIRST_MS);
      if (nowMs >= untilMs && newest) return newest;
      if (nowMs >= untilMs || this.#abort.signal.aborted)
        throw new VigiaError('camera_away', `camera ${camera} sends no video now: ${this.#trouble}`);
      await this.#arrival(untilMs - nowMs);
    }
  }

  /** Ends the taps. Idempotent. */
  close(): void {
    this.#abort.abort();
    this.#taps.close();
    for (const arrived of this.#arrivals) arrived();
  }

  async #run(): Promise<void> {
    const { socketPath, clock, camera, log } = this.#o;
    const { signal } = this.#abort;
    const relay = new RelayedSource(socketPath, clock);
    const backoff = new Backoff(BACKOFF);
    while (!signal.aborted) {
      try {
        const { message } = await this.#read(relay, signal);
        this.#trouble = message;
        backoff.reset();
      } catch (error) {
        this.#trouble = messageOf(error);
      }
      this.#taps.end();
      this.#format = undefined;
      if (!signal.aborted) log.debug(`camera ${camera}: ${this.#trouble}`);
      // Only `close` ends the wait early.
      await sleep(clock, backoff.next(), signal).catch(() => undefined);
    }
  }

  /** One connection. Resolves with the reason of its end. @throws SourceError when there was none. */
  async #read(relay: RelayedSource, signal: AbortSignal): Promise<SourceError> {
    let source: Source | undefined;
    try {
      return await new Promise<SourceError>((resolve, reject) => {
        const options = {
          url: '',
          clock: this.#o.clock,
          onFormat: (format: SourceFormat) => this.#begin(format),
          onUnit: (unit: AccessUnit) => this.#take(unit),
          audio: true,
          onAudio: (unit: AudioUnit) => this.#hear(unit),
          onEnd: resolve,
        };
        relay.open(options, signal).then((opened) => {
          source = opened;
        }, reject);
        signal.addEventListener('abort', () => reject(new Error('closed')), { once: true });
      });
    } finally {
      source?.close();
    }
  }

  #begin(format: SourceFormat): void {
    this.#format = format;
    this.#newest = undefined;
    this.#broken = false;
    this.#latestPtsMs = Number.NEGATIVE_INFINITY;
    this.#seen = 0;
    this.#reorders = false;
    this.#profile = format.codec === 'h264' && format.extradata ? profileIn(format.extradata) : undefined;
    this.#taps.begin(format);
  }

  /** Hot path: once per access unit of a camera that somebody looks at. */
  #take(unit: AccessUnit): void {
    const { ptsMs, arrivedMs, keyframe, damaged, afterLoss = false, doubt, measured } = unit;
    if (damaged || doubt === 'repeated' || (afterLoss && !keyframe)) this.#broken = true;
    else if (keyframe) this.#broken = false;
    if (this.#broken) return;
    const { latenessMs = 0, hiddenMs = 0 } = measured ?? {};
    this.#seen += 1;
    if (ptsMs < this.#latestPtsMs) this.#reorders = true;
    else this.#latestPtsMs = ptsMs;
    if (keyframe && this.#profile === undefined && this.#format?.codec === 'h264') this.#profile = profileIn(unit.data);
    this.#index += 1;
    this.#newest = { index: this.#index, ptsMs, arrivedMs, capturedMs: arrivedMs - latenessMs };
    this.#taps.offerVideo(unit, latenessMs, hiddenMs);
    for (const arrived of this.#arrivals) arrived();
  }

  /** Sound that can be sent to nobody costs no viewer anything. */
  #hear(unit: AudioUnit): void {
    if (soundCodecOf(this.#format?.audio)) this.#taps.offerAudio(unit);
  }

  /** Resolves with the next picture, or after some time. */
  #arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#arrivals.delete(done);
        resolve();
      };
      const timer = this.#o.clock.after(ms, done);
      this.#arrivals.add(done);
    });
  }
}

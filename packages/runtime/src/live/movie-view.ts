import { type Clock, messageOf, VigiaError } from '@vigia/base';
import type { EncodedTap, TapItem } from '#core/encoded';
import { MOVIE_MESSAGE } from '#core/live-link';
import type * as Movie from '#core/movie';
import type { CameraUnits } from './camera-units.ts';
import { CaptureTimes } from './capture-times.ts';
import { isLiveCodec, type LiveCodec } from './offer.ts';
import { withoutHeldPictures, withParameterSets } from './parameter-sets.ts';
import { PictureStamps } from './picture-stamps.ts';
import { waitingIn } from './view.ts';

/** A movie ends before its stamps begin again, after 13 h: its viewer comes again. 90 kHz. */
const LONGEST = 12 * 3_600 * 90_000;
/** The stamp of the newest picture when the viewer came. Older ones precede it. 90 kHz. */
const ORIGIN = 60 * 90_000;
/** Between pictures that are only decoded. 90 kHz. */
const SQUEEZED = 90;

type Unit = Extract<TapItem, { kind: 'video' }>;

/** A picture, and when it is decoded and shown. 90 kHz. */
interface Timed {
  readonly unit: Unit;
  readonly stamp: number;
  readonly decoded: number;
  readonly shown: number;
}

/** How a kind of message is called in the protocol. */
export type MovieMessageKind = (typeof MOVIE_MESSAGE)[keyof typeof MOVIE_MESSAGE];

/** Options of {@link MovieView.open}. */
export interface MovieViewOptions {
  readonly units: Pick<CameraUnits, 'format' | 'mayReorder' | 'newest' | 'open'>;
  readonly clock: Clock;
  /** See `MOVIE_MESSAGE`. */
  readonly send: (kind: MovieMessageKind, content: Buffer) => void;
  /** Called once, when it has ended by itself. */
  readonly onEnd: (why: string) => void;
}

/**
 * Somebody who looks at a camera without WebRTC: a fragmented MP4, one fragment for each picture, sent as soon as the next one
 * has come. Only then is known how long it lasts, and a browser takes what it does not expect to be a gap (Media Source
 * Extensions, coded frame processing). Stamps are those of WebRTC: see {@link PictureStamps}.
 */
export class MovieView {
  readonly #o: MovieViewOptions;
  readonly #movie: typeof Movie;
  readonly #codec: LiveCodec;
  readonly #stamps: PictureStamps;
  readonly #tap: EncodedTap;
  readonly #times: CaptureTimes;
  #described: Buffer | undefined;
  #shape: Movie.VideoShape | undefined;
  #writer: Movie.MovieWriter | undefined;
  #order: Movie.DecodeOrder | undefined;
  /** The stamp at which the time of the movie begins. */
  #zero = 0;
  /** It waits for the next one. */
  #held: Timed | undefined;
  #ended = false;

  private constructor(options: MovieViewOptions, movie: typeof Movie, codec: LiveCodec, stamps: PictureStamps) {
    this.#o = options;
    this.#movie = movie;
    this.#codec = codec;
    this.#stamps = stamps;
    this.#tap = options.units.open();
    this.#times = new CaptureTimes(options.clock, (time) => this.#say({ type: 'time', ...time }));
  }

  /** Sends nothing before {@link run}. @throws VigiaError `camera_away`, `codec`. */
  static async open(options: MovieViewOptions): Promise<MovieView> {
    const { units } = options;
    // Loads libav, which nobody needs who looks over WebRTC.
    const movie = await import('#core/movie');
    const newest = await units.newest();
    const codec = units.format?.codec ?? '';
    if (!isLiveCodec(codec))
      throw new VigiaError('codec', `this camera sends ${codec}; live video is possible with H.264 and H.265`);
    return new MovieView(options, movie, codec, new PictureStamps(newest, ORIGIN));
  }

  /** Sends what comes until one end closes. Never rejects. */
  async run(): Promise<void> {
    try {
      this.#times.start();
      for (const item of waitingIn(this.#tap)) this.#take(item);
      for (let item = await this.#tap.next(); item && !this.#ended; item = await this.#tap.next()) this.#take(item);
      this.#end('the camera is gone, or is another one now');
    } catch (error) {
      this.#end(`no movie can be made of it: ${messageOf(error)}`);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#times.close();
    this.#tap.close();
    this.#writer?.close();
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.close();
    this.#o.onEnd(why);
  }

  /** @throws VigiaError `muxer` */
  #take(item: TapItem): void {
    if (this.#ended) return;
    if (item.kind === 'format') {
      if (item.format.codec !== this.#codec) this.#end(`the camera sends ${item.format.codec} now`);
      this.#described = item.format.extradata;
      this.#stamps.reconnected();
    }
    if (item.kind !== 'video') return;
    if (item.keyframe && !this.#begin(item.data)) return;
    // The tap begins with a keyframe.
    if (!this.#shape) return;
    const stamp = this.#stamps.of(item);
    if (stamp > LONGEST) return this.#end('it has lasted for 12 h');
    const depth = this.#o.units.mayReorder ? this.#shape.depth : 0;
    this.#order ??= new this.#movie.DecodeOrder(depth, SQUEEZED, stamp);
    const next = { unit: item, stamp, ...this.#order.next(stamp) };
    if (this.#held) this.#write(this.#held, next.decoded - this.#held.decoded);
    else this.#start(this.#shape, next.decoded);
    this.#held = next;
  }

  /** A keyframe: the movie begins with the first one, and ends with one of another shape. Returns whether it goes on. */
  #begin(keyframe: Buffer): boolean {
    const { shapeAt, codecStringOf } = this.#movie;
    const shape = shapeAt(this.#codec, keyframe, this.#described);
    if (this.#shape) {
      const same = shape?.sets.equals(this.#shape.sets) === true;
      if (!same) this.#end('its video has another format now');
      return same;
    }
    if (!shape || codecStringOf(shape) === undefined) {
      this.#end('its keyframes do not say how they are to be decoded');
      return false;
    }
    this.#shape = shape;
    return true;
  }

  /** @param decoded When the first picture is decoded: the time of a movie begins with it. @throws VigiaError `muxer` */
  #start(shape: Movie.VideoShape, decoded: number): void {
    const { MovieWriter, codecStringOf, withoutEdits } = this.#movie;
    this.#zero = decoded;
    const sets = this.#codec === 'h264' && !this.#o.units.mayReorder ? withoutHeldPictures(shape.sets) : shape.sets;
    this.#writer = new MovieWriter({ ...shape, sets }, undefined);
    this.#say({ type: 'format', mime: `video/mp4; codecs="${codecStringOf(shape)}"`, origin: ORIGIN - decoded });
    this.#o.send(MOVIE_MESSAGE.init, withoutEdits(this.#writer.take()));
  }

  /** @throws VigiaError `muxer` */
  #write({ unit, stamp, decoded, shown }: Timed, duration: number): void {
    const writer = this.#writer;
    if (!writer) return;
    const { keyframe } = unit;
    const data = keyframe ? this.#keyframe(unit.data) : unit.data;
    writer.discontinuous();
    writer.video({ data, decoded, shown, duration, keyframe });
    this.#o.send(keyframe ? MOVIE_MESSAGE.keyframe : MOVIE_MESSAGE.picture, writer.take());
    if (!this.#stamps.isBefore(unit)) this.#times.note(stamp - this.#zero, unit);
  }

  #keyframe(data: Buffer): Buffer {
    const whole = withParameterSets(this.#codec, data, this.#described);
    return this.#codec !== 'h264' || this.#o.units.mayReorder ? whole : withoutHeldPictures(whole);
  }

  #say(message: object): void {
    this.#o.send(MOVIE_MESSAGE.text, Buffer.from(JSON.stringify(message)));
  }
}

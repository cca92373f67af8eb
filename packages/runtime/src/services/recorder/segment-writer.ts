import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VigiaError } from '@vigia/base';
import { encodeNote, footagePath, type SegmentNote } from '#core/footage';
import type { AudioFormat } from '#core/media';
import { DecodeOrder, leastInterval, MovieWriter, reorderDepth, VIDEO_TIMESCALE, type VideoShape } from '#core/movie';
import { capturedMsOf, type RecordedItem } from './event-ring.ts';
import type { SoundTimes } from './sound-times.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;
type Times = ReturnType<DecodeOrder['next']>;
type Audio = Extract<RecordedItem, { kind: 'audio' }>;

/** A camera's clock and ours differ by less within a segment; lateness of a connection that was just made included. */
const STEP_MS = 2_000;
/** A larger correction of a capture time comes of time stamps that jump. Milliseconds. */
const LEARNED_LIMIT_MS = 500;

/** By less than this a picture is at its time. Milliseconds. */
const MOVED_MS = 2;

/** What is written to a file before its next cut. */
export interface FragmentItems {
  readonly video: readonly Video[];
  readonly audio: readonly Audio[];
  /** The picture behind them, if it has come. */
  readonly next: Video | undefined;
  /** Nothing follows. */
  readonly last?: boolean;
}

/** Options of {@link SegmentWriter.create}. */
export interface SegmentOptions {
  readonly dir: string;
  readonly note: SegmentNote;
  readonly event: boolean;
  readonly shape: VideoShape;
  readonly audio: AudioFormat | undefined;
  /** Pictures that wait for a later one, as far as earlier segments have shown. */
  readonly depth: number;
  /** Between two pictures, as far as it is known now. */
  readonly intervalMs: () => number;
  /** Each fragment is on the disk when its write has ended (`power`), or with the kernel (`process`). */
  readonly durability: 'process' | 'power';
  readonly sound: SoundTimes;
}

/**
 * One file, from its first keyframe to its last fragment. Fragments are written as they come; one that cannot be written
 * whole is cut off again. Owns the file and the muxer.
 */
export class SegmentWriter {
  /** Relative to its directory. */
  readonly path: string;
  #note: SegmentNote;
  readonly shape: VideoShape;
  readonly #o: SegmentOptions;
  readonly #file: FileHandle;
  readonly #movie: MovieWriter;
  #order: DecodeOrder | undefined;
  #bytes = 0;
  /** How long the newest picture lasts was not known when it was written. */
  #guessed = false;
  #ahead: { readonly unit: Video; readonly times: Times } | undefined;
  /** Of the first picture. */
  #basePtsMs = 0;
  #baseCapturedMs = 0;
  #newestPtsMs = 0;
  #lastSound = Number.NEGATIVE_INFINITY;
  #closed = false;

  private constructor(options: SegmentOptions, path: string, file: FileHandle, movie: MovieWriter) {
    this.#o = options;
    this.#note = options.note;
    this.shape = options.shape;
    this.path = path;
    this.#file = file;
    this.#movie = movie;
  }

  /**
   * Creates the file. A name that is taken is an error; a file that cannot be begun is removed again.
   *
   * @throws the file system's error; VigiaError `muxer`.
   */
  static async create(options: SegmentOptions): Promise<SegmentWriter> {
    const { dir, note, event, shape, audio, durability } = options;
    const { camera, order } = note;
    const path = footagePath({ camera, startMs: Math.floor(note.start_ms), order, event });
    const whole = join(dir, path);
    // The directory itself is never made: where it is gone, something is not mounted.
    await mkdir(join(dir, camera)).catch(ignoreExisting);
    await mkdir(dirname(whole)).catch(ignoreExisting);
    const { movie, sound } = movieOf(shape, audio);
    try {
      const file = await open(whole, 'wx', 0o640);
      const segment = new SegmentWriter({ ...options, audio: sound }, path, file, movie);
      try {
        await segment.#append(movie.take());
        if (durability === 'power') await syncFolder(dirname(whole));
      } catch (error) {
        await segment.close();
        await rm(whole, { force: true });
        throw error;
      }
      return segment;
    } catch (error) {
      movie.close();
      throw error;
    }
  }

  /** The segment's note; final once the first fragment is written. */
  get note(): SegmentNote {
    return this.#note;
  }

  /** Of the file, whole fragments only. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Pictures that its next fragment needs. Of a stream that reorders them, those that were captured first come late: the first
   * fragment needs some to find out when.
   */
  get needed(): number {
    const depth = this.#order ? 0 : Math.max(this.#o.depth, this.shape.depth);
    return depth > 0 ? depth + 2 : 1;
  }

  /** A sentence about pictures that are not recorded at their times; undefined: all are. */
  get untruth(): string | undefined {
    const movedMs = ((this.#order?.movedTicks ?? 0) * 1000) / VIDEO_TIMESCALE;
    if (movedMs < MOVED_MS) return undefined;
    const why = 'the stream reorders its pictures more than at first, or its time stamps stand still';
    return `${this.path}: a picture is recorded ${Math.round(movedMs)} ms after its time: ${why}`;
  }

  /** From its first picture to the end of the newest, milliseconds. */
  get durationMs(): number {
    return this.#order ? this.#newestPtsMs - this.#basePtsMs + this.#o.intervalMs() : 0;
  }

  /** Whether a picture's time fits to those before: a camera's clock may be set while it sends. */
  continues(unit: Video): boolean {
    if (!this.#order) return true;
    const [ptsMs, capturedMs] = [unit.ptsMs - this.#basePtsMs, capturedMsOf(unit) - this.#baseCapturedMs];
    return Math.abs(ptsMs - capturedMs) < STEP_MS;
  }

  /** The depth of reordering that its pictures needed. */
  get depth(): number {
    return this.#order?.needed ?? this.#o.depth;
  }

  /**
   * Writes a fragment. The first one begins with a keyframe, a later one may have only sound. When this fails, the file ends
   * with the fragment before.
   *
   * @throws the file system's error; VigiaError `muxer`, or `removed` when the file has no name any more.
   */
  async append({ video, audio, next, last }: FragmentItems): Promise<void> {
    const begin = this.#order ? [] : [this.#learn(video)];
    const order = (this.#order ??= this.#begin(next ? [...video, next] : video));
    const shift = order.shiftTicks;
    if (this.#guessed) this.#movie.discontinuous();
    if (video.length > 0) this.#guessed = next === undefined;
    let newestPtsMs = this.#newestPtsMs;
    for (const [i, unit] of video.entries()) {
      const { decoded, shown } = this.#timesOf(unit, order);
      const duration = this.#durationTo(video[i + 1] ?? next, decoded, order, last);
      const { data, keyframe, ptsMs } = unit;
      this.#movie.video({ data, keyframe, duration, decoded: decoded + shift, shown: shown + shift });
      newestPtsMs = Math.max(newestPtsMs, ptsMs);
    }
    for (const unit of audio) this.#addSound(unit, order.shiftTicks);
    await this.#append(Buffer.concat([...begin, this.#movie.take()]));
    await this.#checkLinked();
    // What could not be written does not count: a gap begins where the file ends.
    this.#newestPtsMs = newestPtsMs;
  }

  /** Closes the file. Idempotent. @throws the file system's error. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#movie.close();
    await this.#file.close();
  }

  /** A picture's times are made once: those of the next one may have been needed before. */
  #timesOf(unit: Video, order: DecodeOrder): Times {
    if (this.#ahead?.unit === unit) return this.#ahead.times;
    const times = order.next(this.#ticks(unit.ptsMs));
    this.#ahead = { unit, times };
    return times;
  }

  /** Ticks until the next picture is decoded; less if it has not come: a reader lets the picture last until then. */
  #durationTo(next: Video | undefined, decoded: number, order: DecodeOrder, last = false): number {
    if (next) return this.#timesOf(next, order).decoded - decoded;
    return last ? Math.max(1, Math.round((this.#o.intervalMs() * VIDEO_TIMESCALE) / 1000)) : order.guess();
  }

  /**
   * Corrects the capture time of the first picture from the pictures that followed it: a connection begins with a picture
   * that was sent late, and its reordering is still unknown. @returns the note.
   */
  #learn(video: readonly Video[]): Buffer {
    const [first, last] = [video[0] as Video, video.at(-1) as Video];
    const laterMs = capturedMsOf(last) - (last.ptsMs - first.ptsMs) - capturedMsOf(first);
    const isCredible = Math.abs(laterMs) <= LEARNED_LIMIT_MS;
    this.#baseCapturedMs = capturedMsOf(first) + (isCredible ? laterMs : 0);
    if (isCredible) this.#note = { ...this.#note, start_ms: this.#note.start_ms + laterMs };
    return encodeNote(this.#note);
  }

  #begin(video: readonly Video[]): DecodeOrder {
    const [first] = video as [Video];
    this.#basePtsMs = first.ptsMs;
    this.#newestPtsMs = first.ptsMs;
    const shown = video.map(({ ptsMs }) => this.#ticks(ptsMs));
    // What the sets say is a limit. Hardly any stream reaches it later than these; and where sound and pictures begin apart by
    // more than a stream needs, Chromium does not play on behind a gap.
    const said = video.length < this.needed ? this.shape.depth : 0;
    const depth = Math.max(this.#o.depth, said, reorderDepth(shown));
    const interval = leastInterval(shown, (this.#o.intervalMs() * VIDEO_TIMESCALE) / 1000);
    return new DecodeOrder(depth, interval, Math.min(...shown));
  }

  #ticks(ptsMs: number): number {
    return Math.round(((ptsMs - this.#basePtsMs) * VIDEO_TIMESCALE) / 1000);
  }

  #addSound({ data, ptsMs, arrivedMs }: Audio, shiftTicks: number): void {
    const { audio, sound } = this.#o;
    if (!audio) return;
    const shiftMs = (shiftTicks * 1000) / VIDEO_TIMESCALE;
    const atMs = sound.capturedMs(ptsMs, arrivedMs) - this.#baseCapturedMs + shiftMs;
    const shown = Math.round((atMs * audio.sampleRate) / 1000);
    // Sound from before the first picture.
    if (shown < 0) return;
    const at = Math.max(shown, this.#lastSound + 1);
    this.#lastSound = at;
    const duration = audio.codec === 'aac' ? 1024 : Math.max(1, Math.floor(data.byteLength / audio.channels));
    this.#movie.audio({ data, shown: at, decoded: at, duration, keyframe: true });
  }

  /** What is written to a file without a name is lost when it is closed. @throws VigiaError `removed` */
  async #checkLinked(): Promise<void> {
    if ((await this.#file.stat()).nlink > 0) return;
    throw new VigiaError('removed', `the recording ${this.path} was removed while it was written`);
  }

  async #append(data: Buffer): Promise<void> {
    try {
      for (let at = 0; at < data.byteLength; ) {
        const { bytesWritten } = await this.#file.write(data, at, data.byteLength - at, this.#bytes + at);
        at += bytesWritten;
      }
      if (this.#o.durability === 'power') await this.#file.datasync();
    } catch (error) {
      // A part of a fragment is no loss, but a whole file is easier to use.
      await this.#file.truncate(this.#bytes).catch(() => undefined);
      throw error;
    }
    this.#bytes += data.byteLength;
  }
}

/** Sound that libav refuses must not cost the pictures. @throws VigiaError `muxer` */
function movieOf(
  shape: VideoShape,
  audio: AudioFormat | undefined,
): { readonly movie: MovieWriter; readonly sound: AudioFormat | undefined } {
  try {
    return { movie: new MovieWriter(shape, audio), sound: audio };
  } catch (error) {
    if (!audio) throw error;
    return { movie: new MovieWriter(shape, undefined), sound: undefined };
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** The name of a new file is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

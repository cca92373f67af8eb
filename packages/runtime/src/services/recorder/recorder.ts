import { messageOf, VigiaError } from '@vigia/base';
import type { TapItem } from '#core/encoded';
import type { GapReason, RecorderCounters, RecordPolicy, RecordRoom, SegmentNote } from '#core/footage';
import type { SourceFormat } from '#core/media';
import { shapeAt, type VideoShape } from '#core/movie';
import { capturedMsOf, EventRing, type RecordedItem } from './event-ring.ts';
import { EventWish } from './event-wish.ts';
import { FragmentBuffer } from './fragment-buffer.ts';
import { earlierFootage } from './footage-order.ts';
import { PictureInterval } from './picture-interval.ts';
import type { RecorderOptions } from './recorder-options.ts';
import { RecordingGap } from './recording-gap.ts';
import { HUNG, HUNG_MS, isRecordable, stateOf } from './recorder-state.ts';
import { RecorderStatus } from './recorder-status.ts';
import { reasonToCut, reasonToEnd } from './segment-rules.ts';
import { type FragmentItems, SegmentWriter } from './segment-writer.ts';
import { UnitIntake } from './unit-intake.ts';
import { SoundTimes } from './sound-times.ts';
import { troubleOf } from './trouble.ts';
import { WorkLoop } from './work-loop.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;

/** What is due so soon is written now. Milliseconds. */
const SOON_MS = 60;
const LEAST_WAIT_MS = 20;
const ANNOUNCE_MS = 1_000;
/** What is kept of a stream beyond the seconds before an event: events are reported after they happened. Milliseconds. */
const RING_MORE_MS = 2_000;
const LONGEST_INTERVAL_MS = 2_000;

const NO_SETS = new VigiaError('muxer', 'the parameter sets of its stream are missing, or cannot be read');

/**
 * Records one camera's stream as it comes, without encoding anything. Its disk may be slow, full or away: units wait in the
 * tap within its bound, and what is lost is counted, stated, and noted in the next segment.
 */
export class Recorder {
  readonly #o: RecorderOptions;
  readonly #sound = new SoundTimes();
  #policy: RecordPolicy;
  #ring: EventRing;
  #room: RecordRoom | undefined;
  readonly #loop: WorkLoop;
  #closing = false;
  #format: SourceFormat | undefined;
  /** Counts connections. */
  #epoch = 0;
  /** Of the next segment; undefined: not known yet. */
  #order: number | undefined;
  #segment: SegmentWriter | undefined;
  #segmentDir = '';
  readonly #fragment = new FragmentBuffer();
  /** Wall minus monotonic time of the current segment. */
  #wallOffsetMs = 0;
  readonly #interval = new PictureInterval();
  #depth = 0;
  readonly #gap: RecordingGap;
  #wish: EventWish;
  readonly #intake = new UnitIntake();
  readonly #status: RecorderStatus;
  #announcedMs = 0;
  #counters = { segments: 0, bytes: 0, units: 0, lostMs: 0 };

  constructor(options: RecorderOptions) {
    this.#o = options;
    this.#policy = options.policy;
    this.#ring = new EventRing(options.policy.beforeMs + RING_MORE_MS, options.ringBytes);
    this.#wish = new EventWish(options.policy.beforeMs + RING_MORE_MS);
    this.#gap = new RecordingGap(options.onGap);
    const { clock, log, onState } = options;
    this.#status = new RecorderStatus(clock, log, onState);
    const onHung = (): void => this.#status.put(HUNG);
    this.#loop = new WorkLoop({ clock, work: () => this.#turn(), hungMs: HUNG_MS, onHung });
  }

  start(): void {
    this.#loop.start(LEAST_WAIT_MS);
  }

  get counters(): RecorderCounters {
    return { ...this.#counters, ringBytes: this.#ring.bytes };
  }

  /** When the newest keyframe came. Monotonic milliseconds. */
  get lastKeyframeMs(): number {
    return this.#intake.lastKeyframeMs;
  }

  /** Resolves when what it has begun to handle has been handled. */
  get idle(): Promise<void> {
    return this.#loop.idle;
  }

  /** Where to write from now on. */
  room(room: RecordRoom): void {
    this.#room = room;
  }

  /** Other settings, from the next keyframe on. */
  policy(policy: RecordPolicy): void {
    const { beforeMs } = this.#policy;
    this.#policy = policy;
    if (policy.beforeMs === beforeMs) return;
    this.#ring = new EventRing(policy.beforeMs + RING_MORE_MS, this.#o.ringBytes);
    this.#wish = new EventWish(policy.beforeMs + RING_MORE_MS);
  }

  /** An event between these wall times: with the seconds before and after it, it is recorded. */
  mark(fromMs: number, toMs: number): void {
    const { clock } = this.#o;
    const { beforeMs, afterMs } = this.#policy;
    const offsetMs = clock.wallMs() - clock.nowMs();
    // An end in the far future must not record until then.
    const endMs = Math.min(toMs, clock.wallMs() + afterMs) + afterMs - offsetMs;
    this.#wish.mark(fromMs - beforeMs - offsetMs, endMs, this.#segment === undefined);
  }

  /** Writes what waits, and ends the segment. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#loop.stop();
    await this.#drain().catch((error: unknown) => this.#o.log.error(messageOf(error)));
    for (const unit of this.#intake.rest()) await this.#take(unit).catch(() => undefined);
    await this.#endSegment('node_down');
    this.#o.tap.close();
  }

  /** @returns milliseconds until something is due again. */
  async #turn(): Promise<number> {
    await this.#work().catch((error: unknown) => this.#o.log.error(`recording: ${messageOf(error)}`));
    return Math.max(LEAST_WAIT_MS, this.#dueInMs);
  }

  get #dueInMs(): number {
    return this.#fragment.dueInMs(this.#o.clock.nowMs(), this.#segment?.needed);
  }

  async #work(): Promise<void> {
    if (!this.#room) return;
    if (this.#order === undefined && this.#room.dir !== null) await this.#lookBack(this.#room.dir);
    await this.#drain();
    if (this.#dueInMs <= SOON_MS) await this.#write(this.#fragment.take());
    this.#announce();
    this.#setState();
  }

  /** What earlier recorders have left: the next order, and since when nothing was recorded. */
  async #lookBack(dir: string): Promise<void> {
    if (!this.#status.mayTry) return;
    try {
      const others = this.#o.dirs.filter((one) => one !== dir);
      const { order, endMs } = await earlierFootage([dir, ...others], this.#o.camera);
      this.#order = order + 1;
      this.#gap.lookBack(endMs);
    } catch (error) {
      this.#status.failed(error, dir);
    }
  }

  async #drain(): Promise<void> {
    for (let item = this.#o.tap.take(); item; item = this.#o.tap.take()) await this.#item(item);
  }

  async #item(item: TapItem): Promise<void> {
    if (item.kind === 'format') return this.#begin(item.format);
    if (item.kind === 'end') return this.#connectionOver();
    if (item.kind === 'audio') return this.#take(item);
    for (const unit of this.#intake.take(item)) await this.#take(unit);
  }

  async #connectionOver(): Promise<void> {
    for (const unit of this.#intake.rest()) await this.#take(unit);
    await this.#endSegment('camera_away');
    this.#ring.clear();
    this.#format = undefined;
    this.#intake.restart();
  }

  /** A connection begins. */
  async #begin(format: SourceFormat): Promise<void> {
    // One whose end was lost with its units.
    if (this.#format) await this.#connectionOver();
    this.#sound.restart();
    this.#format = format;
    this.#epoch += 1;
    this.#interval.restart();
  }

  async #take(item: RecordedItem): Promise<void> {
    if (item.kind === 'audio') {
      if (this.#segment) this.#fragment.add(item);
      else if (this.#keepsRing) this.#ring.add(item);
      return;
    }
    this.#interval.observe(item.ptsMs, capturedMsOf(item));
    if (this.#segment) await this.#continue(item);
    else await this.#outside(item);
  }

  /** A picture while no segment is open. */
  async #outside(item: Video): Promise<void> {
    // A ring with a hole in it is no recording.
    if (this.#intake.holed) this.#ring.clear();
    this.#intake.holed = false;
    if (!this.#wants(item)) {
      if (this.#keepsRing) this.#ring.add(item);
      return;
    }
    await this.#beginWith(item);
    if (!this.#segment) this.#counters.lostMs += Math.min(this.#interval.stepMs, LONGEST_INTERVAL_MS);
    const obstacle = this.#segment ? undefined : this.#obstacle;
    if (obstacle) this.#gap.lost(obstacle, capturedMsOf(item) + this.#offsetMs);
  }

  /** Why nothing can be written; undefined: something can, from the next keyframe on. */
  get #obstacle(): GapReason | undefined {
    return this.#room?.dir === null
      ? (this.#room.reason ?? 'disk_failed')
      : (this.#status.trouble?.reason ?? undefined);
  }

  /** Wall minus monotonic time. */
  get #offsetMs(): number {
    return this.#o.clock.wallMs() - this.#o.clock.nowMs();
  }

  get #keepsRing(): boolean {
    return this.#policy.mode === 'on_event';
  }

  /** Whether a picture is to be recorded. */
  #wants(item: Video): boolean {
    return this.#policy.mode === 'always' || this.#wish.wants(capturedMsOf(item));
  }

  async #continue(item: Video): Promise<void> {
    const reason = this.#segment && this.#reasonToEnd(this.#segment, item);
    if (reason !== undefined) {
      await (reason === 'full' ? this.#endSegment(undefined, item) : this.#endSegment(reason));
      return this.#outside(item);
    }
    await this.#append(item);
  }

  /** Adds a picture, after writing what waits if it is time to. */
  async #append(item: Video): Promise<void> {
    if (this.#fragment.isDue(item, this.#segment?.needed)) await this.#write(this.#fragment.take(item));
    // The write failed.
    if (this.#segment) this.#fragment.add(item);
  }

  /** Why the segment ends before this picture; `full`: another one follows at once. */
  #reasonToEnd(segment: SegmentWriter, item: Video): GapReason | 'full' | undefined {
    const { bytes, durationMs, shape } = segment;
    const facts = {
      bytes,
      durationMs,
      holed: this.#intake.holed,
      continues: segment.continues(item),
      room: this.#room,
    };
    if (facts.holed) this.#counters.lostMs += this.#interval.stepMs;
    if (!item.keyframe) return reasonToCut(facts);
    const sets = this.#shapeAt(item)?.sets;
    return reasonToEnd({
      ...facts,
      wanted: this.#wants(item),
      onEvent: this.#keepsRing,
      steppedMs: this.#offsetMs - this.#wallOffsetMs,
      dir: this.#segmentDir,
      sameShape: sets === undefined || sets.equals(shape.sets),
    });
  }

  #shapeAt({ data }: Video): VideoShape | undefined {
    const codec = this.#format?.codec;
    return isRecordable(codec) ? shapeAt(codec, data, this.#format?.extradata) : undefined;
  }

  /** Begins a segment, with what the ring has if there was an event. */
  async #beginWith(item: Video): Promise<void> {
    const before = this.#keepsRing ? this.#ring : undefined;
    if (!this.#status.mayTry || (!item.keyframe && !before?.bytes)) return before?.add(item);
    if (!before) return void (await this.#open(item));
    before.add(item);
    const items = before.take(this.#wish.from(capturedMsOf(item)));
    const [first] = items;
    if (first?.kind !== 'video') return;
    if (!(await this.#open(first))) return items.forEach((one) => before.add(one));
    this.#wish.begun();
    for (const [i, one] of items.entries()) {
      // A write failed: what is left of the ring may still be recorded.
      if (!this.#segment) return items.slice(i).forEach((left) => before.add(left));
      if (i === 0) continue;
      if (one.kind === 'audio') this.#fragment.add(one);
      else await this.#append(one);
    }
  }

  /** Begins a segment with a keyframe. @returns whether that worked. */
  async #open(first: Video): Promise<boolean> {
    const dir = this.#room?.dir;
    if (!first.keyframe || dir == null || this.#order === undefined) return false;
    const { node, camera, boot } = this.#o;
    this.#wallOffsetMs = this.#offsetMs;
    const startMs = capturedMsOf(first) + this.#wallOffsetMs;
    const [order, gap] = [this.#order, this.#gap.note];
    const note: SegmentNote = { v: 1, node, camera, boot, order, epoch: this.#epoch, start_ms: startMs, gap };
    try {
      const shape = this.#shapeAt(first);
      if (!shape) throw NO_SETS;
      this.#segment = await SegmentWriter.create({
        dir,
        note,
        shape,
        event: this.#policy.mode === 'on_event',
        audio: this.#format?.audio,
        depth: this.#depth,
        intervalMs: () => this.#interval.ms,
        durability: this.#policy.durability,
        sound: this.#sound,
      });
    } catch (error) {
      // A name that is taken is another recorder's, or older than a clock that was set back.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') this.#order += 1;
      this.#status.failed(error, dir);
      return false;
    }
    this.#order += 1;
    this.#segmentDir = dir;
    this.#gap.begun();
    this.#status.recovered();
    this.#intake.holed = false;
    this.#counters.segments += 1;
    this.#fragment.takeAll();
    this.#fragment.add(first);
    this.#o.onWritten({ dir, path: this.#segment.path, closed: false });
    return true;
  }

  /** Writes a fragment. What cannot be written ends the segment. */
  async #write(items: FragmentItems): Promise<void> {
    const segment = this.#segment;
    const { video, audio } = items;
    if (!segment || video.length + audio.length === 0) return;
    const { bytes } = segment;
    try {
      await segment.append(items);
      this.#counters.bytes += segment.bytes - bytes;
      this.#counters.units += video.length + audio.length;
    } catch (error) {
      this.#counters.lostMs += video.length * this.#interval.ms;
      const reason = this.#status.failed(error, this.#segmentDir);
      // What follows in the buffer has nothing to build on.
      this.#fragment.takeAll();
      await this.#endSegment(reason);
    }
  }

  /** @param reason Why nothing follows; undefined: another segment does, without a gap. @param next Its first picture. */
  async #endSegment(reason: GapReason | undefined, next?: Video): Promise<void> {
    const segment = this.#segment;
    if (!segment) return;
    await this.#write({ ...this.#fragment.takeAll(), next });
    // The write failed, and has ended it.
    if (this.#segment !== segment) return;
    this.#segment = undefined;
    this.#depth = Math.max(this.#depth, segment.depth);
    const dir = this.#segmentDir;
    if (segment.untruth) this.#o.log.warn(segment.untruth);
    await segment.close().catch((error: unknown) => this.#o.log.warn(troubleOf(error, dir).message));
    this.#o.onWritten({ dir, path: segment.path, closed: true });
    this.#gap.ended(segment.note.start_ms + segment.durationMs, reason);
  }

  #announce(): void {
    const segment = this.#segment;
    const nowMs = this.#o.clock.nowMs();
    if (!segment || nowMs - this.#announcedMs < ANNOUNCE_MS) return;
    this.#announcedMs = nowMs;
    this.#o.onWritten({ dir: this.#segmentDir, path: segment.path, closed: false });
  }

  #setState(): void {
    this.#status.put(
      stateOf({
        recording: this.#segment !== undefined,
        codec: this.#format?.codec,
        room: this.#room,
        trouble: this.#status.trouble,
        wanted: this.#policy.mode === 'always' || this.#wish.wants(this.#o.clock.nowMs()),
        onEvent: this.#keepsRing,
        gap: this.#gap.reason,
      }),
    );
  }
}

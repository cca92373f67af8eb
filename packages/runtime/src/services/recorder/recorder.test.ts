import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, FakeClock } from '@vigia/base';
import type { Clip } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { EncodedTaps } from '#core/encoded';
import { type GapReason, readSegment, type RecorderState, type RecordPolicy, type Segment } from '#core/footage';
import type { AudioFormat, SourceFormat } from '#core/media';
import { encoded, type Encoder } from '../../../test/support/camera-stream.ts';
import { Recorder } from './recorder.ts';

const START = Buffer.from([0, 0, 0, 1]);
const SECOND = 1_000;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface World {
  readonly dir: string;
  readonly clock: FakeClock;
  /** A connection begins. */
  begin(codec?: string, audio?: AudioFormat): void;
  readonly recorder: Recorder;
  readonly states: RecorderState[];
  readonly gaps: (readonly [sinceMs: number, reason: GapReason])[];
  /** Units of the clip from `from` on, each at its time; what the recorder does with them has been done. */
  play(from: number, to: number): Promise<void>;
  /** Nothing comes for so long. */
  pause(ms: number): Promise<void>;
  readonly taps: EncodedTaps;
  /** Arrival minus time stamp of the fastest unit. */
  fastestMs(): number;
  segments(): Promise<(Segment & { readonly path: string })[]>;
}

async function world(clip: Clip, policy: Partial<RecordPolicy> = {}, tapBytes = 32 * 2 ** 20): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-recorder-'));
  closers.push(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new FakeClock();
  const taps = new EncodedTaps();
  const states: RecorderState[] = [];
  const gaps: [number, GapReason][] = [];
  const recorder = new Recorder({
    node: 'n',
    camera: 'hall',
    boot: '01J',
    dirs: [dir],
    policy: { mode: 'always', beforeMs: 1_000, afterMs: 1_000, durability: 'process', ...policy },
    ringBytes: 2 ** 24,
    tap: taps.open({ maxBytes: tapBytes }),
    clock,
    log: createLog('recorder', () => undefined),
    onState: (state) => states.push(state),
    onWritten: () => undefined,
    onGap: (sinceMs, reason) => gaps.push([sinceMs, reason]),
  });
  closers.push(() => recorder.close());
  recorder.start();
  recorder.room({ dir, reason: null, message: null });
  const sets = Buffer.concat(clip.parameterSets.flatMap((set) => [START, set]));
  let leastMs = Number.POSITIVE_INFINITY;
  const begin = (codec?: string, audio?: AudioFormat): void => {
    leastMs = Number.POSITIVE_INFINITY;
    taps.begin({ ...formatOf(clip), audio, ...(codec === undefined ? {} : { codec }) });
  };
  const play = async (from: number, to: number): Promise<void> => {
    for (const unit of clip.units.slice(from, to)) {
      const data = Buffer.concat([unit.keyframe ? sets : Buffer.alloc(0), ...unit.nals.flatMap((nal) => [START, nal])]);
      const ptsMs = unit.ptsTicks / 90;
      // As a capture finds it out: late is what is later than the fastest so far.
      const transitMs = clock.nowMs() - ptsMs;
      leastMs = Math.min(leastMs, transitMs);
      taps.offerVideo(
        { data, ptsMs, arrivedMs: clock.nowMs(), keyframe: unit.keyframe, damaged: false },
        transitMs - leastMs,
        0,
      );
      clock.advance(SECOND / clip.fps);
      await recorder.idle;
    }
  };
  const pause = async (ms: number): Promise<void> => {
    for (let step = 0; step < ms; step += 10) {
      clock.advance(10);
      await recorder.idle;
    }
  };
  const segments = async (): Promise<(Segment & { path: string })[]> => {
    const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.mp4'));
    const read = names
      .toSorted()
      .map(async (name) => ({ path: join(dir, name), segment: await readSegment(join(dir, name)) }));
    return (await Promise.all(read)).flatMap(({ path, segment }) => (segment ? [{ ...segment, path }] : []));
  };
  return { dir, clock, begin, recorder, states, gaps, taps, play, pause, segments, fastestMs: () => leastMs };
}

function formatOf(clip: Clip): SourceFormat {
  const codec = clip.codec === 'h264' ? 'h264' : 'hevc';
  return { kind: 'rtsp', transport: 'tcp', codec, extradata: undefined, raw: undefined, audio: undefined, live: true };
}

/** When the samples of a track are shown, milliseconds from the first, in the order in which they are decoded. */
function timesIn(file: string, track: 'v' | 'a'): number[] {
  const entries = ['-select_streams', track, '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const args = ['-v', 'error', '-ignore_editlist', '1', ...entries, file];
  const times = execFileSync('ffprobe', args, { encoding: 'utf8' }).trim().split('\n').map(Number);
  return times.map((s) => (s - (times[0] ?? 0)) * 1000);
}

/** Sums of the decoded pictures of files, in the order in which they are shown. */
function pictures(...files: string[]): string[] {
  return files.flatMap((file) =>
    execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-f', 'framemd5', '-'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith('0,'))
      .map((line) => line.split(',').at(-1)?.trim() ?? ''),
  );
}

describe('a recording', () => {
  test.each<Encoder>(['h264', 'h264BFrames', 'h265', 'h265OpenGop'])(
    '%s: every picture, bit by bit, at its time',
    async (encoder) => {
      const clip = await encoded(encoder);
      const w = await world(clip);
      w.begin();
      const [startMs, startedMs] = [w.clock.wallMs(), w.clock.nowMs()];
      await w.play(0, clip.units.length);
      await w.recorder.close();
      const [segment, ...more] = await w.segments();
      expect(more).toEqual([]);
      expect(pictures(segment?.path ?? '')).toEqual(pictures(clip.path));
      expect(segment?.note).toMatchObject({ order: 1, epoch: 1, gap: { reason: 'node_down' } });
      // Reordering shows only with later pictures: the first one was captured before it could be sent.
      const capturedMs = startMs + w.fastestMs() - startedMs + (clip.units[0]?.ptsTicks ?? 0) / 90;
      expect(Math.abs((segment?.note.start_ms ?? 0) - capturedMs)).toBeLessThan(1);
      expect(segment?.tracks[0]).toMatchObject({ kind: 'video', width: 192, height: 112, timescale: 90_000 });
      // Fragments: short, and each keyframe begins one.
      const { fragments = [] } = segment ?? {};
      expect(Math.max(...fragments.map(({ pictures: n }) => n))).toBeLessThanOrEqual(0.5 * clip.fps);
      expect(fragments.filter(({ keyframe }) => keyframe)).toHaveLength(
        clip.units.filter(({ keyframe }) => keyframe).length,
      );
      expect(fragments.reduce((sum, { pictures: n }) => sum + n, 0)).toBe(clip.units.length);
      expect(segment?.durationMs).toBeCloseTo((clip.units.length * 1000) / clip.fps, -1);
    },
  );

  test.each([1, 2, 3, 12])(
    'pictures that come in bursts, the first %d by themselves: each at its time',
    async (first) => {
      const clip = await encoded('h264BFrames');
      const w = await world(clip);
      w.begin();
      await w.play(0, first);
      await w.pause(700);
      await w.play(first, 24);
      await w.pause(700);
      await w.play(24, clip.units.length);
      await w.recorder.close();
      const [segment] = await w.segments();
      const shown = timesIn(segment?.path ?? '', 'v');
      const own = clip.units.map(({ ptsTicks }) => (ptsTicks - (clip.units[0]?.ptsTicks ?? 0)) / 90);
      expect(shown.map((ms) => Math.round(ms))).toEqual(own.map((ms) => Math.round(ms)));
    },
  );

  test('sound that comes while no picture does is not lost: not before a keyframe, and not at the end', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    const sound = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n += 1) {
        w.taps.offerAudio({ data: Buffer.alloc(160, n), ptsMs: n * 20, arrivedMs: w.clock.nowMs() });
        await w.pause(20);
      }
    };
    w.begin('h264', { codec: 'pcma', sampleRate: 8000, channels: 1, config: undefined });
    await w.play(0, 12);
    await sound(0, 50);
    await w.play(12, 13);
    await sound(51, 100);
    await w.recorder.close();
    const [segment] = await w.segments();
    expect(timesIn(segment?.path ?? '', 'a')).toHaveLength(99);
  });

  test('another connection begins another segment, and says since when nothing came', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    w.begin();
    await w.play(0, 24);
    const endMs = w.clock.wallMs();
    w.clock.advance(5 * SECOND);
    w.begin();
    await w.play(24, 48);
    await w.recorder.close();
    const [first, second] = await w.segments();
    expect([first?.note.order, second?.note.order, second?.note.epoch]).toEqual([1, 2, 2]);
    expect(second?.note.gap?.reason).toBe('camera_away');
    expect(Math.abs((second?.note.gap?.since_ms ?? 0) - endMs)).toBeLessThan(5);
    expect(w.gaps.map(([, reason]) => reason)).toEqual(['camera_away', 'node_down']);
  });

  test('what comes is in the file within half a second, also when nothing follows it', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    w.begin();
    await w.play(0, 24);
    for (let step = 0; step < 10; step += 1) {
      w.clock.advance(50);
      await w.recorder.idle;
    }
    const [segment] = await w.segments();
    // How long the newest lasts shows with the next one, or after as long again.
    expect(segment?.durationMs).toBeGreaterThan((22.5 * SECOND) / clip.fps);
    await w.recorder.close();
  });

  test('a codec that cannot be recorded is a state, and costs nothing', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    w.begin('mjpeg');
    await w.play(0, 24);
    expect(w.states.at(-1)).toMatchObject({
      state: 'paused',
      reason: 'not_recorded',
      message: expect.stringContaining('mjpeg'),
    });
    expect(await w.segments()).toEqual([]);
  });
});

describe('an event', () => {
  test('is recorded with the seconds before it, once; then nothing until the next one', async () => {
    const clip = await encoded('h264');
    const w = await world(clip, { mode: 'on_event' });
    w.begin();
    await w.play(0, 36);
    expect(w.states.at(-1)?.state).toBe('ready');
    expect(await w.segments()).toEqual([]);
    const atMs = w.clock.wallMs();
    w.recorder.mark(atMs, atMs);
    await w.play(36, 60);
    // The event is over: what comes now is not recorded.
    w.clock.advance(200);
    w.begin();
    await w.play(0, 36);
    await w.recorder.close();
    const [segment, ...more] = await w.segments();
    expect(more).toEqual([]);
    expect(segment?.path).toMatch(/\.event\.mp4$/);
    expect(segment?.note.start_ms).toBeLessThanOrEqual(atMs - 1_000);
    expect(pictures(segment?.path ?? '').slice(-24)).toEqual(pictures(clip.path).slice(36, 60));
    expect(w.states.map(({ state }) => state)).toEqual(expect.arrayContaining(['ready', 'recording']));
  });
});

describe('a disk', () => {
  test('that is not there: paused with the reason; recording resumes by itself, and the gap says why', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    rmSync(w.dir, { recursive: true });
    w.begin();
    await w.play(0, 24);
    expect(w.states.at(-1)).toMatchObject({
      state: 'paused',
      reason: 'disk_failed',
      message: expect.stringContaining('ENOENT'),
    });
    expect(w.recorder.counters.lostMs).toBeGreaterThan(500);
    mkdirSync(w.dir);
    w.clock.advance(SECOND);
    await w.play(24, 48);
    expect(w.states.at(-1)?.state).toBe('recording');
    await w.recorder.close();
    expect(await w.segments()).toHaveLength(1);
  });

  test('without room: nothing is written, and it is said', async () => {
    const clip = await encoded('h264');
    const w = await world(clip);
    w.recorder.room({ dir: null, reason: 'disk_full', message: 'the budget is spent' });
    w.begin();
    await w.play(0, 24);
    expect(w.states.at(-1)).toEqual({ state: 'paused', reason: 'disk_full', message: 'the budget is spent' });
    expect(readdirSync(w.dir)).toEqual([]);
  });
});

test('the order goes on after those that are there', async () => {
  const clip = await encoded('h264');
  const w = await world(clip);
  mkdirSync(join(w.dir, 'hall/2020-01-01'), { recursive: true });
  execFileSync('touch', [join(w.dir, 'hall/2020-01-01/000000000-000000041.event.mp4')]);
  w.begin();
  await w.play(0, 24);
  await w.recorder.close();
  const [segment] = await w.segments();
  expect(segment?.note.order).toBe(42);
  expect(readFileSync(segment?.path ?? '').toString('latin1', 4, 8)).toBe('ftyp');
});

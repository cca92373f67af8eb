import { execFileSync } from 'node:child_process';
import { FakeClock } from '@vigia/base';
import { beforeEach, expect, test } from 'vitest';
import { EncodedTaps } from '#core/encoded';
import { boxAt, timesOfFragment, tracksOf } from '#core/footage';
import { MOVIE_MESSAGE } from '#core/live-link';
import type { AccessUnit, SourceFormat } from '#core/media';
import { MovieView } from './movie-view.ts';

/** H.264, main profile, level 1: a set of a sequence and one of a picture. */
const SETS = '00000001674d400aec8867e2700000030010000003014024f89920000000016868ce3880';
/** The same with another picture set. */
const OTHER_SETS = SETS.replace('68ce3880', '68ce3882');
const KEYFRAME = '0000000165888400';
const PICTURE = '0000000141888400';
const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'h264',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};
/** Between two pictures, milliseconds; and how late each comes. */
const STEP_MS = 100;
const LATE_MS = 7;

let clock: FakeClock;
let taps: EncodedTaps;
let sent: { readonly kind: number; readonly content: Buffer }[];
let ended: string[];
let count: number;

beforeEach(() => {
  clock = new FakeClock();
  taps = new EncodedTaps(1_000_000);
  taps.begin(FORMAT);
  [sent, ended, count] = [[], [], 0];
});

/** The camera's next picture comes. @param sets Of a keyframe. @param ptsMs When it is shown. */
function picture(sets?: string, ptsMs = (count + 1) * STEP_MS): void {
  count += 1;
  clock.advance(STEP_MS);
  const keyframe = sets !== undefined;
  const data = Buffer.from(keyframe ? sets + KEYFRAME : PICTURE, 'hex');
  const unit: AccessUnit = { data, ptsMs, arrivedMs: clock.nowMs(), keyframe, damaged: false };
  // Of a camera without sender reports.
  taps.offerVideo(unit, LATE_MS, Number.POSITIVE_INFINITY);
}

async function open(format = FORMAT, mayReorder = false): Promise<MovieView> {
  const newest = { index: count, ptsMs: count * STEP_MS, capturedMs: clock.nowMs() - LATE_MS };
  const view = await MovieView.open({
    units: {
      format,
      mayReorder,
      newest: () => Promise.resolve(newest),
      open: () => taps.open({ maxBytes: 1_000_000, fromRecent: true }),
    },
    clock,
    send: (kind, content) => sent.push({ kind, content: Buffer.from(content) }),
    onEnd: (why) => ended.push(why),
  });
  void view.run();
  await settled();
  return view;
}
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}
const kinds = (): number[] => sent.map(({ kind }) => kind);
const texts = (): Record<string, unknown>[] =>
  sent
    .filter(({ kind }) => kind === MOVIE_MESSAGE.text)
    .map(({ content }) => JSON.parse(content.toString()) as Record<string, unknown>);

/** Media time of the first picture that is live. 90 kHz. */
const origin = (): number => texts()[0]?.['origin'] as number;

interface Packet {
  readonly ptsMs: number;
  readonly dtsMs: number;
  readonly durationMs: number;
}

/** The pictures of what was sent: milliseconds from the first that is live; their times as another program reads them. */
function packets(): Packet[] {
  const parts = sent.filter(({ kind }) => kind !== MOVIE_MESSAGE.text).map(({ content }) => content);
  const args = ['-v', 'error', '-show_entries', 'packet=pts,dts', '-of', 'csv=p=0', '-'];
  const lines = execFileSync('ffprobe', args, { input: Buffer.concat(parts), encoding: 'utf8', stdio: 'pipe' });
  const tracks = tracksOf(boxAt(parts[0] as Buffer, 'moov') as Buffer);
  const times = parts.slice(1).map(
    (part) =>
      timesOfFragment(boxAt(part, 'moof') as Buffer, tracks)
        ?.values()
        .next().value,
  );
  return lines
    .trim()
    .split('\n')
    .map((line, i) => {
      const [pts = 0, dts = 0] = line.split(',').map(Number);
      expect(times[i]).toMatchObject({ samples: 1, decodedFrom: dts, firstShown: pts });
      return { ptsMs: (pts - origin()) / 90, dtsMs: (dts - origin()) / 90, durationMs: (times[i]?.duration ?? 0) / 90 };
    });
}

test('a viewer gets the kept group at once, squeezed before what is live, then each picture once the next has come', async () => {
  for (const sets of [SETS, undefined, SETS, undefined, undefined]) picture(sets);
  const view = await open();
  expect(kinds()).toEqual([MOVIE_MESSAGE.text, MOVIE_MESSAGE.init, MOVIE_MESSAGE.keyframe, MOVIE_MESSAGE.picture]);
  expect(texts()).toEqual([{ type: 'format', mime: 'video/mp4; codecs="avc1.4d400a"', origin: 2 * 90 }]);
  picture();
  picture();
  await settled();
  expect(packets()).toEqual([
    { ptsMs: -2, dtsMs: -2, durationMs: 1 },
    { ptsMs: -1, dtsMs: -1, durationMs: 1 },
    { ptsMs: 0, dtsMs: 0, durationMs: STEP_MS },
    { ptsMs: STEP_MS, dtsMs: STEP_MS, durationMs: STEP_MS },
  ]);
  // When the picture at the origin was captured: it was the newest, two steps ago.
  const capturedAt = new Date(clock.wallMs() - 2 * STEP_MS - LATE_MS).toISOString();
  expect(texts().slice(1)).toEqual([{ type: 'time', rtp: 2 * 90, captured_at: capturedAt, age_certain: false }]);
  view.close();
  picture();
  await settled();
  expect([ended, taps.size, clock.pendingTimers]).toEqual([[], 0, 0]);
});

test('times are said each second, also while no picture comes', async () => {
  picture(SETS);
  const view = await open();
  picture();
  await settled();
  const times = (): number => texts().filter(({ type }) => type === 'time').length;
  expect(times()).toBe(1);
  clock.advance(3_000);
  expect(times()).toBe(4);
  view.close();
});

test('pictures that overtake others are decoded in the order in which they come', async () => {
  for (const [i, shown] of [1, 4, 2, 3, 7, 5, 6].entries()) picture(i === 0 ? SETS : undefined, shown * STEP_MS);
  count = 1;
  const view = await open(FORMAT, true);
  const seen = packets();
  expect(seen.length).toBeGreaterThan(4);
  for (const [i, { ptsMs, dtsMs, durationMs }] of seen.entries()) {
    expect(ptsMs).toBeGreaterThanOrEqual(dtsMs);
    const next = seen[i + 1];
    // What a browser expects: each is decoded when the one before is over.
    if (next) expect(next.dtsMs).toBeCloseTo(dtsMs + durationMs, 5);
  }
  view.close();
});

test('another format ends the movie; the same one, after a new connection, does not', async () => {
  picture(SETS);
  await open();
  taps.end();
  taps.begin(FORMAT);
  picture(SETS);
  picture();
  await settled();
  expect([ended, packets().length]).toEqual([[], 2]);
  picture(OTHER_SETS);
  await settled();
  expect(ended).toEqual(['its video has another format now']);
  expect([taps.size, clock.pendingTimers]).toEqual([0, 0]);
});

test('a camera of which no movie can be made', async () => {
  picture(SETS);
  await expect(open({ ...FORMAT, codec: 'mjpeg' })).rejects.toMatchObject({ code: 'codec' });
  expect(taps.size).toBe(0);
  taps.begin(FORMAT);
  picture('');
  await open();
  expect(ended).toEqual(['its keyframes do not say how they are to be decoded']);
});

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLog, FakeClock, type Log } from '@vigia/base';
import { boxesIn, encodeNote, footagePath, type SegmentNote } from '#core/footage';

/** A segment to be written by {@link writeSegment}. */
export interface TestSegment {
  readonly camera: string;
  readonly order: number;
  readonly startMs: number;
  /** Whole seconds. Default 2. */
  readonly seconds?: number;
  readonly event?: boolean;
  readonly gap?: SegmentNote['gap'];
}

const clips = new Map<number, Buffer>();

/** Fragmented MP4 of a test picture, H.264, without a note, two fragments a second. Made once per length. */
export function clipOf(seconds: number): Buffer {
  const known = clips.get(seconds);
  if (known) return known;
  const source = `testsrc=size=64x48:rate=10:duration=${seconds}`;
  const encode = `-c:v libx264 -preset ultrafast -g 5 -keyint_min 5 -bf 0 -pix_fmt yuv420p`.split(' ');
  const mp4 = '-f mp4 -movflags frag_keyframe+empty_moov+default_base_moof+skip_trailer -video_track_timescale 90000';
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, ...encode, ...mp4.split(' '), 'pipe:1'];
  const { stdout, stderr, status } = spawnSync('ffmpeg', args, { maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  clips.set(seconds, stdout);
  return stdout;
}

/** The bytes of a segment: a clip with its note behind the `moov`. */
export function segmentBytes({ camera, order, startMs, seconds = 2, gap = null }: TestSegment): Buffer {
  const clip = clipOf(seconds);
  let at = 0;
  for (const { type, body } of boxesIn(clip)) {
    at += body.byteLength + 8;
    if (type === 'moov') break;
  }
  const note = encodeNote({ v: 1, node: 'n', camera, boot: 'b', order, epoch: 1, start_ms: startMs, gap });
  return Buffer.concat([clip.subarray(0, at), note, clip.subarray(at)]);
}

/** Writes a segment into a directory. @returns its path. */
export function writeSegment(dir: string, segment: TestSegment): string {
  const { event = false } = segment;
  const path = join(dir, footagePath({ ...segment, event }));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, segmentBytes(segment));
  return path;
}

/** All files below a directory, relative. */
export function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir, { recursive: true }).map(String);
  return names.filter((name) => !name.endsWith('.lock') && statSync(join(dir, name)).isFile()).sort();
}

/** Folders, a log and a clock for a test. */
export interface FootageRig {
  readonly root: string;
  readonly dirs: readonly [string, string];
  readonly database: string;
  readonly log: Log;
  /** Lines of the log, as `level message`. */
  readonly lines: string[];
  readonly clock: FakeClock;
  /** Is closed by `remove`. */
  readonly use: <T extends { close(): void }>(opened: T) => T;
  /** Closes what is in use, and removes all files. */
  readonly remove: () => void;
}

/** 23 November 2026, 12:00 UTC, milliseconds since 1970. */
export const NOON_MS: number = Date.UTC(2026, 10, 23, 12);

/** Makes a {@link FootageRig} whose clock begins at {@link NOON_MS}. */
export function footageRig(): FootageRig {
  const root = mkdtempSync(join(tmpdir(), 'vigia-footage-'));
  const dirs = [join(root, 'fast'), join(root, 'large')] as const;
  for (const dir of dirs) mkdirSync(dir);
  const lines: string[] = [];
  const log = createLog('footage', ({ level, message }) => lines.push(`${level} ${message}`));
  const used: { close(): void }[] = [];
  const remove = (): void => {
    for (const one of used) one.close();
    rmSync(root, { recursive: true, force: true });
  };
  const use: FootageRig['use'] = (one) => {
    used.push(one);
    return one;
  };
  const database = join(root, 'state', 'footage.db');
  return { root, dirs, database, log, lines, clock: new FakeClock(1_000, NOON_MS), use, remove };
}

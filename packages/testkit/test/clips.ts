// Clips for tests: the committed footage, and small ones made of nothing.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AccessUnit, Clip, VideoCodec } from '../src/simulated-camera/media/index.ts';

/** 20 s, 768×576, 10 fps, H.264 without B-frames, a keyframe every 2 s. */
export const FOOTAGE: string = fileURLToPath(new URL('../../runtime/assets/pedestrians.mp4', import.meta.url));

/** Shape of a made-up clip. */
export interface FakeClipShape {
  readonly units?: number;
  readonly keyframeEvery?: number;
  readonly intervalTicks?: number;
  /** Showing order is that of two B-frames between others. */
  readonly bFrames?: boolean;
  readonly unitBytes?: number;
  /** Default H.264. */
  readonly codec?: VideoCodec;
  /** One byte in the SPS: clips with different ones have different parameter sets. */
  readonly mark?: number;
}

/** Headers of NAL units: keyframe slice, other slice, parameter sets. */
const HEADERS = {
  h264: { key: '65', other: '41', sets: ['674d401f', '68e9732c'] },
  h265: { key: '2601', other: '0201', sets: ['40010c01ff', '420101', '4401c0f2'] },
} as const;

/** A clip of zeros with proper NAL unit headers: 10 fps unless told otherwise. */
export function fakeClip(shape: FakeClipShape = {}): Clip {
  const {
    units: count = 6,
    keyframeEvery = 3,
    intervalTicks = 9000,
    bFrames = false,
    unitBytes = 50,
    codec = 'h264',
    mark = 0xd9,
  } = shape;
  const headers = HEADERS[codec];
  // Intervals from sending to showing. Sent I P B B P B B, shown I B B P B B P.
  const delays = [3, 0, 0];
  const units = Array.from({ length: count }, (_, index): AccessUnit => {
    const keyframe = index % keyframeEvery === 0;
    const dtsTicks = index * intervalTicks;
    const delay = bFrames ? (index === 0 ? 1 : (delays[(index - 1) % 3] ?? 0)) : 0;
    const nal = Buffer.alloc(unitBytes, index + 1);
    nal.write(keyframe ? headers.key : headers.other, 'hex');
    return { index, nals: [nal], keyframe, dtsTicks, ptsTicks: dtsTicks + delay * intervalTicks };
  });
  return {
    path: 'fake.mp4',
    codec,
    width: 64,
    height: 48,
    fps: 90_000 / intervalTicks,
    units,
    parameterSets: headers.sets.map((set, i) =>
      // The SPS is the last but one.
      Buffer.from(i === headers.sets.length - 2 ? `${set}${mark.toString(16).padStart(2, '0')}` : set, 'hex'),
    ),
    periodTicks: count * intervalTicks,
    reorderTicks: Math.max(...units.map((unit) => unit.ptsTicks - unit.dtsTicks)),
    bytes: count * unitBytes,
  };
}

/** What `ffmpeg` is told for a made clip, behind its input: two seconds of a test picture, 320×240, 10 fps. */
export const RECIPES = {
  h264: ['-c:v', 'libx264', '-g', '10', '-bf', '0'],
  h264Small: ['-vf', 'scale=160:120', '-c:v', 'libx264', '-g', '10', '-bf', '0'],
  h264Slices: ['-c:v', 'libx264', '-g', '10', '-bf', '0', '-slices', '4'],
  h265: ['-c:v', 'libx265', '-tag:v', 'hvc1', '-x265-params', 'keyint=10:bframes=0:log-level=none'],
  h265Slices: ['-c:v', 'libx265', '-tag:v', 'hvc1', '-x265-params', 'keyint=10:bframes=0:slices=4:log-level=none'],
  h264Aac: [
    '-f',
    'lavfi',
    '-i',
    'sine=440:r=16000',
    '-c:v',
    'libx264',
    '-g',
    '10',
    '-bf',
    '0',
    '-c:a',
    'aac',
    '-shortest',
  ],
} as const;

/** A clip made by Debian's ffmpeg, once per machine. Returns its path. */
export function madeClip(recipe: keyof typeof RECIPES, ending: 'mp4' | 'mkv' | 'ts' = 'mp4'): string {
  const [first, ...rest] = RECIPES[recipe];
  // Further inputs must come before the encoders.
  const args = ['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=10:d=2', first, ...rest, '-t', '2'];
  const key = createHash('sha256')
    .update(JSON.stringify([args, ending]))
    .digest('hex')
    .slice(0, 16);
  const folder = join(tmpdir(), 'vigia-made-clips');
  const path = join(folder, `${recipe}-${key}.${ending}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  // Under another name first: tests of several processes may make the same clip.
  const unfinished = join(folder, `${process.pid}-${key}.${ending}`);
  const done = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args, unfinished], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`ffmpeg could not make ${path}: ${done.error?.message ?? done.stderr}`);
  renameSync(unfinished, path);
  return path;
}

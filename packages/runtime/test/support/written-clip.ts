import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type ClipPlan, writeClip } from '../../src/services/playback/index.ts';
import { picturesOf, type Recordings, type Shown } from './recordings.ts';

/** A clip in a file. */
export interface Written {
  readonly plan: ClipPlan;
  readonly path: string;
  readonly bytes: Buffer;
}

/** Writes a clip into a file. */
export async function written(view: Recordings, camera: string, fromMs: number, toMs: number): Promise<Written> {
  const chunks: Buffer[] = [];
  const plan = await writeClip(view, { camera, fromMs, toMs }, async (bytes) => void chunks.push(bytes));
  const path = join(view.dir, 'clip.mp4');
  const bytes = Buffer.concat(chunks);
  writeFileSync(path, bytes);
  return { plan, path, bytes };
}

/** The clip shows the camera's pictures of a range: all of them, at their times, and no more than the fragment at its end. */
export function expectPictures(
  { plan, path, bytes }: Written,
  source: readonly Shown[],
  fromMs: number,
  toMs: number,
): void {
  expect(bytes.byteLength).toBe(plan.bytes);
  const shown = picturesOf(path).map(({ ms, md5 }) => ({ ms: ms + plan.fromMs, md5 }));
  const first = source.findIndex(({ ms }) => Math.abs(ms - plan.fromMs) < 0.05);
  expect(first).toBeGreaterThanOrEqual(0);
  const expected = source.slice(first, first + shown.length);
  expect(shown.map(({ md5 }) => md5)).toEqual(expected.map(({ md5 }) => md5));
  const late = shown.map(({ ms }, i) => Math.abs(ms - (expected[i]?.ms ?? 0)));
  expect(Math.max(...late)).toBeLessThan(0.05);
  const wanted = source.filter(({ ms }) => ms >= fromMs && ms < toMs).map(({ ms }) => ms);
  const last = expected.at(-1)?.ms ?? 0;
  expect(last).toBeGreaterThanOrEqual(wanted.at(-1) ?? 0);
  expect(last).toBeLessThan(toMs + 700);
  expect(plan.toMs - last).toBeCloseTo(40, 1);
}

/** Times of a track's packets, seconds. */
export function timesOf(path: string, track: string, field = 'pts_time'): number[] {
  const args = ['-v', 'error', '-select_streams', track, '-show_entries', `packet=${field}`, '-of', 'csv=p=0', path];
  const times = execFileSync('ffprobe', args, { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => Number.parseFloat(line));
  return field === 'pts_time' ? times.sort((a, b) => a - b) : times;
}

/** From each time to the next one. */
export function stepsOf(times: readonly number[]): number[] {
  return times.slice(1).map((one, i) => one - (times[i] ?? 0));
}

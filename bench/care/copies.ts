import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { LabelledClip } from './labels.ts';

/** What is played to and fro at the end of a lying clip, and how often. Seconds. */
const SWING_S = 1.5;
const SWINGS = 6;

/** Some files play too fast: a copy plays as fast as the camera saw it. Nothing is encoded again. */
export function atTrueRate({ file, stretch }: LabelledClip, footage: string, dir: string): string {
  const path = join(dir, file);
  ffmpeg(file, ['-itsscale', String(stretch), '-i', join(footage, file), '-c', 'copy', '-an', path]);
  return path;
}

/**
 * Only what follows once the body lies: nobody was ever upright. The clips are too short for a long lie, so their last 1.5 s are
 * played to and fro.
 */
export function lyingOnly(clip: LabelledClip, footage: string, dir: string): { path: string; clip: LabelledClip } {
  const { file, stretch, seconds, lyingFromS = 0 } = clip;
  const path = join(dir, `lying-${file}`);
  const swingFrom = Math.max(0, seconds - lyingFromS - SWING_S);
  const filter = [
    `[0:v]setpts=PTS*${stretch},trim=start=${lyingFromS},setpts=PTS-STARTPTS,fps=15,split[all][end]`,
    `[end]trim=start=${swingFrom},setpts=PTS-STARTPTS,split[fro][back]`,
    `[back]reverse[to];[to][fro]concat=n=2:v=1,loop=loop=${SWINGS - 1}:size=32767[swing]`,
    '[all][swing]concat=n=2:v=1[out]',
  ].join(';');
  const encoder = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-bf', '0', '-g', '30'];
  ffmpeg(file, ['-i', join(footage, file), '-filter_complex', filter, '-map', '[out]', ...encoder, path]);
  const length = seconds - lyingFromS + SWINGS * 2 * SWING_S;
  return { path, clip: { ...clip, seconds: length, falls: [{ startS: 0, downS: 0 }] } };
}

function ffmpeg(file: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file}: ${stderr?.trim() || 'ffmpeg is needed, and was not found'}`);
}

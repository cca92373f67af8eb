import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIP } from './vigia.ts';

/** Clips made from the project's own: how, as ffmpeg's arguments. 4 s, a keyframe each second. */
const RECIPES = {
  h265: '-c:v libx265 -x265-params log-level=error:keyint=10:bframes=0 -an',
  h264Aac: '-f lavfi -i sine -c:v libx264 -g 10 -bf 0 -c:a aac -ar 16000 -ac 1 -shortest',
  small: '-vf scale=320:240 -c:v libx264 -g 10 -bf 0 -an',
  bFrames: '-c:v libx264 -g 20 -bf 2 -an',
} as const;

/** Makes a clip, or finds it where an earlier run left it. */
export function clip(name: keyof typeof RECIPES): string {
  const folder = join(tmpdir(), 'vigia-test-clips');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-1.mp4`);
  if (existsSync(path)) return path;
  const unfinished = join(folder, `${process.pid}-${name}.mp4`);
  const args = `-loglevel error -y -i ${CLIP} ${RECIPES[name]} -t 4 ${unfinished}`;
  execFileSync('ffmpeg', args.split(' '));
  renameSync(unfinished, path);
  return path;
}

/** JPEG pictures of the project's clip, as an MJPEG camera sends them. */
export function jpegs(): Buffer[] {
  const all = execFileSync('ffmpeg', `-loglevel error -i ${CLIP} -frames:v 20 -q:v 3 -f mjpeg -`.split(' '), {
    maxBuffer: 64 * 2 ** 20,
  });
  const starts: number[] = [];
  for (let at = all.indexOf('ffd8ff', 0, 'hex'); at >= 0; at = all.indexOf('ffd8ff', at + 3, 'hex')) starts.push(at);
  return starts.map((start, i) => all.subarray(start, starts[i + 1]));
}

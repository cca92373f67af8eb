import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchRun } from '../support/bench-run.ts';
import { CLIP } from '../support/paths.ts';

/** A clip to decode. */
export interface BenchClip {
  readonly name: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: number;
}

interface Recipe {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: number;
  /** kbit/s. */
  readonly rate: number;
  readonly codec?: 'libx264' | 'libx265';
}

/** Real pedestrians, scaled up: motion and texture of a real camera, at current sizes and rates. */
const RECIPES = {
  '768×576@10 H.265': { width: 768, height: 576, fps: 10, frames: 200, rate: 400, codec: 'libx265' },
  '320×240@30': { width: 320, height: 240, fps: 30, frames: 600, rate: 300 },
  '640×360@15': { width: 640, height: 360, fps: 15, frames: 300, rate: 500 },
  '720p30': { width: 1280, height: 720, fps: 30, frames: 600, rate: 2_000 },
  '1080p30': { width: 1920, height: 1080, fps: 30, frames: 600, rate: 4_000 },
  '4K30': { width: 3840, height: 2160, fps: 30, frames: 150, rate: 12_000 },
} as const satisfies Readonly<Record<string, Recipe>>;

/** A clip to generate. */
export type ClipName = keyof typeof RECIPES;

/** Keyframes every two seconds, as cameras send by default. */
const GOP_SECONDS = 2;

/** The clip as the project ships it. */
export const PEDESTRIANS: BenchClip = { name: '768×576@10', path: CLIP, width: 768, height: 576, fps: 10, frames: 200 };

/** Generates a clip, or finds it where an earlier run left it. Needs `ffmpeg`. */
export async function clipOf(run: BenchRun, name: ClipName): Promise<BenchClip> {
  const { width, height, fps, frames, rate, codec = 'libx264' }: Recipe = RECIPES[name];
  const folder = join(tmpdir(), 'vigia-bench-clips');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${width}x${height}-${fps}-${frames}-${rate}-${codec}-${statSync(CLIP).size}.mp4`);
  const clip: BenchClip = { name, path, width, height, fps, frames };
  if (existsSync(path)) return clip;
  run.progress(`making the clip ${name} (once)`);
  const unfinished = `${path}.${process.pid}.mp4`;
  const child = spawn(
    'ffmpeg',
    [
      `-loglevel error -y -stream_loop -1 -i ${CLIP} -vf fps=${fps},scale=${width}:${height} -frames:v ${frames} -an`,
      `-c:v ${codec} -preset veryfast -profile:v main -bf 0 -pix_fmt yuv420p -sc_threshold 0`,
      `-g ${fps * GOP_SECONDS} -b:v ${rate}k -maxrate ${rate}k -bufsize ${rate}k ${unfinished}`,
    ].flatMap((line) => line.split(' ')),
    { stdio: ['ignore', 'ignore', 'inherit'], signal: run.signal },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`ffmpeg could not make the clip ${name}`);
  renameSync(unfinished, path);
  return clip;
}

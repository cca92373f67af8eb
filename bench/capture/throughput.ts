import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchRun } from '../support/bench-run.ts';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { type BenchClip, clipOf, PEDESTRIANS } from './clips.ts';

const PROGRAM = fileURLToPath(new URL('./decode-program.js', import.meta.url));
const start = promisify(execFile);
const LEAST_FRAMES = 600;

interface Round {
  readonly fps: number;
  readonly stallP99Ms: number;
}

type Way = 'ours' | 'pipe' | 'ffmpeg';
const WAYS: readonly Way[] = ['ours', 'ffmpeg', 'pipe'];

/** Decoding to a 300×300 rendition in a slot: ours, ffmpeg decoding and scaling, and its raw pipe into Node. */
export async function measureThroughput(run: BenchRun, rounds: number): Promise<Table> {
  const clips = [PEDESTRIANS];
  for (const name of ['720p30', '1080p30', '4K30'] as const) clips.push(await clipOf(run, name));
  run.progress(`decode → 300×300, ${clips.length} clips, ${rounds} rounds, ways by turns`);
  const rows: string[][] = [];
  for (const clip of clips) {
    const results: Record<Way, Round[]> = { ours: [], pipe: [], ffmpeg: [] };
    for (const way of WAYS) await once(run, way, clip);
    for (let round = 0; round < rounds; round += 1)
      for (const way of WAYS) results[way].push(await once(run, way, clip));
    rows.push(rowOf(clip, results));
  }
  return {
    title: 'Decode → 300×300 RGB in a slot, as fast as it goes, one thread; medians',
    columns: ['clip', 'ours fps', 'ffmpeg fps', 'pipe fps', 'ours/ffmpeg', 'ours/pipe', 'stall p99 ours', 'pipe'],
    rows,
    notes: [
      'aims: ours/ffmpeg ≥ 0.9, ours/pipe ≥ 1.5; ffmpeg runs with one decoding thread and scales with fast_bilinear, as ours does',
      'pipe: ffmpeg decodes on its own core beside Node, which scales with the same code as ours; ours uses one core',
      'stall: how long the event loop did not turn, ms, p99',
    ],
  };
}

async function once(run: BenchRun, way: Way, clip: BenchClip): Promise<Round> {
  const { signal } = run;
  if (way !== 'ffmpeg') {
    const { stdout } = await start(
      process.execPath,
      [PROGRAM, way, clip.path, String(clip.width), String(clip.height), String(passesOf(clip))],
      { signal },
    );
    const told = JSON.parse(stdout) as { frames: number; tookMs: number; stallP99Ms: number };
    return { fps: (told.frames / told.tookMs) * 1000, stallP99Ms: told.stallP99Ms };
  }
  const line = `-benchmark -stream_loop ${passesOf(clip) - 1} -threads 1 -filter_threads 1 -i ${clip.path}`;
  const scaling = '-vf scale=300:300:flags=fast_bilinear,format=rgb24 -f null -';
  const { stderr } = await start('ffmpeg', `${line} ${scaling}`.split(' '), { signal });
  const seconds = Number(/rtime=([\d.]+)s/.exec(stderr)?.[1]);
  return { fps: (clip.frames * passesOf(clip)) / seconds, stallP99Ms: Number.NaN };
}

/** A short clip is played several times, so that a measurement lasts seconds. */
function passesOf(clip: BenchClip): number {
  return Math.ceil(LEAST_FRAMES / clip.frames);
}

function rowOf(clip: BenchClip, results: Readonly<Record<Way, readonly Round[]>>): string[] {
  const median = (way: Way, pick: (round: Round) => number): number => quantile(results[way].map(pick), 0.5);
  const fps = (way: Way): number => median(way, (r) => r.fps);
  return [
    clip.name,
    ...WAYS.map((way) => fps(way).toFixed(0)),
    (fps('ours') / fps('ffmpeg')).toFixed(2),
    (fps('ours') / fps('pipe')).toFixed(2),
    ms(median('ours', (r) => r.stallP99Ms)),
    ms(median('pipe', (r) => r.stallP99Ms)),
  ];
}

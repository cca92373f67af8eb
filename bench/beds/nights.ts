import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Where who is watched is, as labelled. */
export type Label = 'in' | 'edge' | 'out';

/** Until the next one. Seconds of the night. */
export interface LabelledPhase {
  readonly what: Label;
  readonly fromS: number;
}

/** A night that was composed of clips of one room. */
export interface Night {
  readonly name: string;
  readonly path: string;
  readonly seconds: number;
  readonly truth: readonly LabelledPhase[];
}

/** A clip as it was filmed; backwards, so that who gets in gets out; or its last two seconds to and fro, for so long. */
type Part = readonly ['forwards' | 'backwards', string] | readonly ['rests', string, number];

/**
 * Nobody gets out of bed in the footage: who gets in is played backwards. All clips show one room, at night, and one of two people.
 * Where two clips meet, somebody jumps.
 */
const NIGHTS: Readonly<Record<string, readonly Part[]>> = {
  'sits, lies down, reads': [
    ['forwards', 's3-adl18'],
    ['backwards', 's3-adl18'],
    ['forwards', 's2-fall14'],
    ['rests', 's2-fall14', 20],
    ['backwards', 's2-fall14'],
    ['forwards', 's3-adl19'],
    ['forwards', 's2-adl24'],
    ['rests', 's2-adl24', 10],
    ['backwards', 's2-adl24'],
    ['forwards', 's3-adl20'],
    ['backwards', 's3-adl18'],
  ],
  'kneels, drops onto the bed, is away': [
    ['forwards', 's2-adl26'],
    ['forwards', 's2-fall14'],
    ['rests', 's2-fall14', 60],
    ['backwards', 's2-fall14'],
    ['forwards', 's2-adl26'],
    ['forwards', 's3-adl18'],
  ],
  'reads, is long on the edge': [
    ['forwards', 's2-adl24'],
    ['rests', 's2-adl24', 20],
    ['backwards', 's2-adl24'],
    ['forwards', 's2-adl23'],
    ['backwards', 's3-adl18'],
    ['forwards', 's3-adl19'],
  ],
};

/** The bed of these clips, in shares of the picture. */
export const BED = '[[0.19, 0.47], [0.79, 0.47], [0.81, 0.62], [0.19, 0.63]]';

const SWING_S = 2;
const FPS = 15;

const bedSchema = z.array(z.object({ what: z.enum(['in', 'edge', 'out']), from_s: z.number(), to_s: z.number() }));
const labelSchema = z.object({ file: z.string(), seconds: z.number(), bed: bedSchema });
type ClipLabel = z.infer<typeof labelSchema>;

/** Composes the nights. @throws Error when a clip or its label is missing. */
export function composeNights(footage: string, labels: string, dir: string): Night[] {
  const lines = readFileSync(labels, 'utf8').split('\n').filter(Boolean);
  const known = lines.map((line) => labelSchema.parse(JSON.parse(line)));
  return Object.entries(NIGHTS).map(([name, parts], at) => {
    const pieces: { path: string; seconds: number; phases: ClipLabel['bed'] }[] = [];
    for (const part of parts) {
      const file = `gmdcsa24-${part[1]}.mp4`;
      const label = known.find((one) => one.file === file);
      if (!label) throw new Error(`${labels}: ${file} is not labelled`);
      pieces.push(pieceOf(part, label, footage, join(dir, `night-${at}-${pieces.length}.mp4`)));
    }
    const list = join(dir, `night-${at}.txt`);
    writeFileSync(list, pieces.map(({ path }) => `file '${path}'\n`).join(''));
    const path = join(dir, `night-${at}.mp4`);
    ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', path]);
    const { seconds, truth } = truthOf(pieces);
    return { name, path, seconds, truth };
  });
}

function pieceOf(part: Part, { file, seconds, bed }: ClipLabel, footage: string, path: string) {
  const [how] = part;
  const swings = how === 'rests' ? Math.ceil(part[2] / (2 * SWING_S)) : 0;
  const filter = {
    forwards: `fps=${FPS}`,
    backwards: `fps=${FPS},reverse`,
    rests: [
      `fps=${FPS},trim=start=${seconds - SWING_S},setpts=PTS-STARTPTS,split[a][b]`,
      '[b]reverse[back]',
      `[a][back]concat=n=2:v=1,loop=loop=${swings - 1}:size=32767`,
    ].join(';'),
  }[how];
  const encoder = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-bf', '0', '-g', `${FPS}`];
  ffmpeg([
    '-i',
    join(footage, file),
    '-filter_complex',
    `${filter},setsar=1,format=yuv420p[out]`,
    '-map',
    '[out]',
    ...encoder,
    path,
  ]);
  const length = secondsOf(path);
  const rest = bed.at(-1)?.what ?? 'out';
  const turned = bed
    .map(({ what, from_s, to_s }) => ({ what, from_s: length - to_s, to_s: length - from_s }))
    .reverse();
  const phases = { forwards: bed, backwards: turned, rests: [{ what: rest, from_s: 0, to_s: length }] }[how];
  return { path, seconds: length, phases };
}

function truthOf(pieces: readonly { seconds: number; phases: ClipLabel['bed'] }[]): Pick<Night, 'seconds' | 'truth'> {
  const truth: LabelledPhase[] = [];
  let atS = 0;
  for (const { seconds, phases } of pieces) {
    for (const { what, from_s } of phases)
      if (truth.at(-1)?.what !== what) truth.push({ what, fromS: atS + Math.max(0, from_s) });
    atS += seconds;
  }
  return { seconds: atS, truth };
}

function secondsOf(path: string): number {
  const args = ['-v', 'error', '-count_packets', '-select_streams', 'v', '-show_entries', 'stream=nb_read_packets'];
  const { stdout } = spawnSync('ffprobe', [...args, '-of', 'csv=p=0', path], { encoding: 'utf8' });
  return Number.parseInt(stdout, 10) / FPS;
}

function ffmpeg(args: readonly string[]): void {
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr?.trim() || 'ffmpeg is needed, and was not found');
}

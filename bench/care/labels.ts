import { readFileSync } from 'node:fs';
import { z } from 'zod';

const second = z.number().min(0);

/** One line of a file of labels. Times in seconds of the file; more keys may be there. */
const labelSchema = z.object({
  file: z.string().regex(/^[\w.-]+$/),
  source: z.string().optional(),
  seconds: second,
  /** Of the file, and of the camera: some files play too fast. */
  fps: z.number().positive(),
  true_fps: z.number().positive().optional(),
  view: z.string().optional(),
  activity: z.string().optional(),
  /** At most one is judged. */
  falls: z.array(z.object({ start_s: second, down_s: second })).max(1),
  lying_from_s: second.nullish(),
  judge: z.boolean().optional(),
});

/** A labelled clip, in seconds of what the camera saw. */
export interface LabelledClip {
  readonly file: string;
  readonly source: string;
  /** Whether it counts: others are played, and listed. */
  readonly judged: boolean;
  readonly view: string;
  readonly activity: string;
  readonly seconds: number;
  /** By how much times of the file are to be stretched. */
  readonly stretch: number;
  /** From when on somebody lies. */
  readonly lyingFromS: number | undefined;
  readonly falls: readonly { readonly startS: number; readonly downS: number }[];
}

/** @throws Error that names the line which is not as it should be. */
export function readLabels(path: string): LabelledClip[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return [];
    const parsed = labelSchema.safeParse(jsonOf(line));
    if (!parsed.success) throw new Error(`${path}, line ${i + 1}: ${z.prettifyError(parsed.error).split('\n')[0]}`);
    const { file, source, seconds, fps, true_fps, view, activity, falls, lying_from_s: lying, judge } = parsed.data;
    const stretch = fps / (true_fps ?? fps);
    return {
      file,
      source: source ?? 'unknown',
      judged: judge ?? true,
      view: view ?? 'unknown',
      activity: activity ?? 'unknown',
      seconds: seconds * stretch,
      stretch,
      lyingFromS: lying === undefined || lying === null ? undefined : lying * stretch,
      falls: falls.map(({ start_s, down_s }) => ({ startS: start_s * stretch, downS: down_s * stretch })),
    };
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

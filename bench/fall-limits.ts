// `npm run bench -- fall-limits`: how the fall rule does in rooms that its numbers were not chosen in (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FALL_DEFAULTS, type FallLimits } from '@vigia/rules';
import { watchClip } from './care/clip-lab.ts';
import { atTrueRate } from './care/copies.ts';
import { FOOTAGE_OPTIONS, type FootageOptions, footageOptions, numberIn } from './care/footage-options.ts';
import { readLabels } from './care/labels.ts';
import { bestOf, leaveOut, type LeftOut, type Tried } from './care/left-out.ts';
import { type CareScore, type Heard, scoreOf } from './care/score.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { Eyes } from './support/runtime-internals.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

interface Options extends FootageOptions {
  /** Share of the looks that have no answer. */
  readonly lost: number;
}

/** The numbers that are chosen, and what each may be: those in use come first. */
const CHOICES = {
  drop: [0.5, 0.4, 0.6],
  wideShape: [1, 0.85, 1.2],
  fallMs: [4_000, 2_500],
  confirmMs: [650, 850, 450],
  // 9: this condition never decides.
  tippedDrop: [0.25, 9],
} as const satisfies Partial<Record<keyof FallLimits, readonly number[]>>;

const MODEL = 'ssdlite-mobilenet-v2';

function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: { ...FOOTAGE_OPTIONS, lost: { type: 'string', default: '0' } } });
  return { ...footageOptions(values), lost: numberIn('--lost', values.lost, 0, 1) };
}

/** Every combination of the choices; the first one is in use. */
function settings(): readonly FallLimits[] {
  return Object.entries(CHOICES).reduce<FallLimits[]>(
    (all, [name, values]) => values.flatMap((value) => all.map((one) => Object.assign({}, one, { [name]: value }))),
    [FALL_DEFAULTS],
  );
}

function chosen(limits: FallLimits): string {
  const changed = Object.keys(CHOICES).filter(
    (name) => limits[name as keyof FallLimits] !== FALL_DEFAULTS[name as keyof FallLimits],
  );
  return changed.map((name) => `${name} ${limits[name as keyof FallLimits]}`).join(', ') || 'those in use';
}

const share = (value: number | null): string => (value === null ? '–' : value.toFixed(2));

function rowOf(
  name: string,
  { falls, detected, negatives, false_alarms, sensitivity, specificity }: CareScore,
): string[] {
  return [
    name,
    `${detected} of ${falls}`,
    String(negatives),
    String(false_alarms),
    share(sensitivity),
    share(specificity),
  ];
}

function tablesOf(tried: readonly Tried<FallLimits>[], left: readonly LeftOut<FallLimits>[], fps: number): Table[] {
  const inUse = scoreOf(tried[0]?.heard ?? []);
  const best = bestOf(tried);
  const bestScore = scoreOf(tried.find(({ setting }) => setting === best)?.heard ?? []);
  const leftOut = scoreOf(left.flatMap(({ heard }) => heard));
  const columns = ['', 'detected', 'without falls', 'false alarms', 'sensitivity', 'specificity'];
  return [
    {
      title: `The fall rule in rooms that its numbers were not chosen in, ${fps} results a second`,
      columns,
      rows: [
        rowOf('each source left out while numbers are chosen', leftOut),
        rowOf('nothing left out', bestScore),
        rowOf('the numbers in use', inUse),
      ],
      notes: [
        'only the first row says what to expect elsewhere; a source that is left out has rooms, people and cameras of its own',
        `${tried.length} settings; the best has the highest mean of sensitivity and specificity. Nothing left out: ${chosen(best)}`,
        'the rule and the model without processes: no time passes while it looks',
      ],
    },
    {
      title: 'Each source, judged with numbers that were chosen without it',
      columns: [...columns, 'chosen'],
      rows: left.map(({ site, score, setting }) => [...rowOf(site, score), chosen(setting)]),
    },
    {
      title: 'What went wrong there',
      columns: ['file', 'kind', 'why'],
      rows: leftOut.errors.map(({ file, kind, reason }) => [file, kind, reason]),
    },
  ];
}

async function measure(run: BenchRun, options: Options): Promise<boolean> {
  const { footage, fps, lost } = options;
  const clips = readLabels(options.labels).filter(({ file, judged }) => judged && file.includes(options.only));
  if (clips.length === 0) throw new Error(`${options.labels}: no clip with "${options.only}" in its name`);
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-limits-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const eyes = await Eyes.open(MODEL, []);
  run.scope.defer(() => eyes.close());
  const all = settings();
  const heard: Heard[][] = all.map(() => []);
  for (const [i, clip] of clips.entries()) {
    run.progress(`${i} of ${clips.length} clips; now ${clip.file}`);
    const path = atTrueRate(clip, footage, dir);
    const { results, alarmsS } = await watchClip({ eyes, path, fps, lost }, all, run.signal);
    for (const [at, alarms] of alarmsS.entries()) heard[at]?.push({ clip, alarmsS: alarms, results });
  }
  const tried = all.map((setting, at) => ({ setting, heard: heard[at] ?? [] }));
  const tables = tablesOf(tried, leaveOut(tried), fps);
  process.stdout.write(
    `${headerLines().join('\n')}\n\n${tables.map(options.markdown ? asMarkdown : asText).join('\n\n')}\n`,
  );
  return tried.every((one) => one.heard.every(({ results }) => results > 0));
}

process.exitCode = await runBenchmark('fall-limits', readOptions, measure);

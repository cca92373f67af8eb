// `npm run bench -- care`: labelled falls and everyday activity through the real chain (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '@vigia/base';
import type { NodeEventOf, ResultMessage } from '@vigia/contracts';
import { atTrueRate, lyingOnly } from './care/copies.ts';
import { FOOTAGE_OPTIONS, type FootageOptions, footageOptions, numberIn } from './care/footage-options.ts';
import { type LabelledClip, readLabels } from './care/labels.ts';
import { type CareScore, type Heard, scoreOf } from './care/score.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CLIP } from './support/paths.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';

interface Options extends FootageOptions {
  /** People who lie and were never upright, in place of falls. */
  readonly longLie: boolean;
  /** Beside the clips, other cameras ask the same model for so many times what it can do; 0: there are none. */
  readonly overload: number;
  readonly json: boolean;
}

/** Results a second that a model on one thread of a small machine gives, looks included: so many clips play at once. */
const RESULTS_PER_SECOND = 20;
/** And not more: a camera that is there from the first picture on needs a process that has started. */
const MOST_AT_ONCE = 6;
/** Beside other cameras. */
const AT_ONCE_OVERLOADED = 2;
/** An alarm may come so long after the end of its clip. Milliseconds. */
const AFTER_MS = 1_500;
const STORE_MS = 1_000;

function readOptions(args: string[]): Options {
  const options = {
    ...FOOTAGE_OPTIONS,
    'long-lie': { type: 'boolean', default: false },
    overload: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ args, options });
  const overload = numberIn('--overload', values.overload, 0, 10);
  return { ...footageOptions(values), overload, longLie: values['long-lie'], json: values.json };
}

/** Plays some clips at once, each as a camera. */
async function play(
  run: BenchRun,
  node: VigiaNode,
  clips: readonly { readonly clip: LabelledClip; readonly path: string }[],
  others: Readonly<Record<string, string>>,
): Promise<Heard[]> {
  const from = node.lines.length;
  const ids = clips.map((_, i) => `clip-${from}-${i}`);
  await node.reloadCameras({ ...others, ...Object.fromEntries(ids.map((id, i) => [id, `"file:${clips[i]?.path}"`])) });
  // The clips begin when their cameras do.
  await node.until('a result of each clip', () => firstResults(node, from, ids) || undefined).catch(() => undefined);
  const longestMs = clips.reduce((most, { clip }) => Math.max(most, clip.seconds * 1000), 0);
  await sleep(systemClock, longestMs + AFTER_MS, run.signal);
  await sleep(systemClock, STORE_MS, run.signal);
  const results = node.results(from).map(({ result }) => result);
  const heard: Heard[] = [];
  for (const [i, { clip }] of clips.entries()) {
    const id = ids[i] as string;
    const answer = JSON.parse(await node.ask('GET', `/api/v1/events?kind=fall&camera=${id}`)) as {
      events: NodeEventOf<'fall'>[];
    };
    heard.push(heardOf(clip, id, results, answer.events.toReversed()));
  }
  return heard;
}

/** Whether each camera has given a result. */
function firstResults(node: VigiaNode, from: number, cameras: readonly string[]): boolean {
  const seen = new Set(node.results(from).map(({ result }) => result.camera));
  return cameras.every((id) => seen.has(id));
}

function heardOf(
  clip: LabelledClip,
  camera: string,
  results: readonly ResultMessage[],
  events: readonly NodeEventOf<'fall'>[],
): Heard {
  const own = results.filter((result) => result.camera === camera && result.status === 'ok');
  const [first] = own;
  const zeroMs = first ? Date.parse(first.captured_at) - first.pts_us / 1000 : Number.NaN;
  const alarms = events.filter((event) => event.camera === camera && event.phase === 'start');
  const alarmsS = alarms.map(({ at }) => (Date.parse(at) - zeroMs) / 1000).sort((a, b) => a - b);
  // Later ones say that the clip is over, and nobody knows.
  return { clip, alarmsS: alarmsS.filter((one) => one <= clip.seconds + AFTER_MS / 1000), results: own.length };
}

function tablesOf(score: CareScore, { fps, longLie }: Options, loads: number): Table[] {
  const { clips, falls, detected, late, missed, negatives, false_alarms, delay_s, errors } = score;
  const shown = (value: number | null): string => (value === null ? '–' : String(value));
  return [
    {
      title: longLie
        ? `People who lie and were never upright, ${fps} results a second`
        : `Falls in labelled clips, ${fps} results a second`,
      columns: [
        'clips',
        'falls',
        'detected',
        'late',
        'missed',
        'without falls',
        'false alarms',
        'sensitivity',
        'specificity',
        'down to alarm, s p50',
        'p95',
      ],
      rows: [
        [clips, falls, detected, late, missed, negatives, false_alarms]
          .map(String)
          .concat([score.sensitivity, score.specificity, delay_s.p50, delay_s.p95].map(shown)),
      ],
      notes: [
        longLie
          ? `detected: an alarm within ${LONG_LIE_S + 2} s. Clips of falls begin when the body lies; their last 1.5 s are played to and fro. Everything is floor`
          : 'detected: an alarm at most 2 s after the body is down. Each clip is a camera that plays at its true rate',
        ...(loads > 0
          ? [
              `beside ${loads} cameras of the street clip that want ${loads * LOAD_FPS} results a second of the same model`,
            ]
          : []),
        'down to alarm: of falls that had an alarm. Alarms later than 1.5 s after a clip’s end, when results have stopped, do not count',
      ],
    },
    {
      title: 'By source',
      columns: ['source', 'falls', 'detected', 'without falls', 'false alarms'],
      rows: Object.entries(score.by_source).map(([source, one]) =>
        [source, one.falls, one.detected, one.negatives, one.false_alarms].map(String),
      ),
      notes: [],
    },
    {
      title: 'What went wrong',
      columns: ['file', 'kind', 'why'],
      rows: errors.map(({ file, kind, reason }) => [file, kind, reason]),
      notes: [],
    },
  ];
}

/** Results a second of a camera that is there for the load only: the clip has no more pictures. */
const LOAD_FPS = 10;
/** They measure what the model can do. */
const MEASURING = 8;
const CAPACITY_MS = 5_000;

/** So many cameras that want so many times what the model can do. */
async function loadsFor(run: BenchRun, node: VigiaNode, overload: number): Promise<Record<string, string>> {
  const cameras = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`load-${i}`, STREET]));
  if (overload === 0) return {};
  await node.reloadCameras(cameras(MEASURING));
  await node.okResults(Object.keys(cameras(MEASURING)), 3, node.lines.length);
  const from = node.lines.length;
  await sleep(systemClock, CAPACITY_MS, run.signal);
  const ok = node.results(from).filter(({ result }) => result.status === 'ok').length;
  const perSecond = (ok * 1000) / CAPACITY_MS;
  const loads = cameras(Math.ceil((overload * perSecond) / LOAD_FPS));
  run.progress(`the model gives ${perSecond.toFixed(0)} results a second; ${Object.keys(loads).length} other cameras`);
  return loads;
}

const STREET = `"file:${CLIP}?loop"`;

/** Everything is floor: nobody drew zones. */
const FLOOR = 'zones: { floor: { kind: floor, points: [[0, 0], [1, 0], [1, 1], [0, 1]] } }';
const LONG_LIE_S = 10;

async function measure(run: BenchRun, options: Options): Promise<boolean> {
  const { footage, fps } = options;
  const clips = readLabels(options.labels)
    .filter(({ file }) => file.includes(options.only))
    .sort((a, b) => a.seconds - b.seconds);
  if (clips.length === 0)
    throw new Error(`${options.labels}: no clip with ${JSON.stringify(options.only)} in its name`);
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-care-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const setting = options.longLie
    ? `rules: { fall: { from: people, long_lie: ${LONG_LIE_S}s } }\n    ${FLOOR}`
    : 'rules: { fall: { from: people } }';
  const consumers = (camera: string): string => {
    const [rate, sla] = camera.startsWith('load-') ? [LOAD_FPS, 'normal'] : [fps, 'critical'];
    return `{ people: { model: ssdlite, fps: ${rate}, sla: ${sla} } }`;
  };
  const node = VigiaNode.start(run, { warm: STREET }, consumers, setting);
  await node.okResults(['warm'], 5);
  const others = await loadsFor(run, node, options.overload);
  const loads = Object.keys(others).length;
  const heard: Heard[] = [];
  const prepared = (clip: LabelledClip): { path: string; clip: LabelledClip } =>
    options.longLie && clip.falls.length > 0
      ? lyingOnly(clip, footage, dir)
      : { path: atTrueRate(clip, footage, dir), clip };
  const most = loads > 0 ? AT_ONCE_OVERLOADED : MOST_AT_ONCE;
  const atOnce = Math.max(1, Math.min(most, Math.floor(RESULTS_PER_SECOND / fps)));
  for (let at = 0; at < clips.length; at += atOnce) {
    const some = clips.slice(at, at + atOnce);
    run.progress(`${at} of ${clips.length} clips; now ${some.map(({ file }) => file).join(', ')}`);
    heard.push(...(await play(run, node, some.map(prepared), others)));
  }
  await node.finish();
  const score = scoreOf(heard, options.longLie ? LONG_LIE_S + 2 : undefined);
  const tables = tablesOf(score, options, loads);
  if (options.json) process.stdout.write(`${JSON.stringify(score, null, 1)}\n`);
  else
    process.stdout.write(
      `${headerLines().join('\n')}\n\n${tables.map(options.markdown ? asMarkdown : asText).join('\n\n')}\n`,
    );
  return heard.every(({ results }) => results > 0);
}

process.exitCode = await runBenchmark('care', readOptions, measure);

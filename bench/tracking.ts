// `npm run bench -- tracking`: how well the tracker keeps identities, and what it costs (docs/reference/benchmarks.md).
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock } from '@vigia/base';
import { type Colours, type Sighting, Tracker, TRACKER_DEFAULTS } from '@vigia/tracking';
import { headerLines, runBenchmark } from './support/bench-run.ts';
import { mean, quantile } from './support/numbers.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { identityScore, iouOf, type Placed } from './tracking/idf1.ts';

/** Of the compiled program: the file is beside its sources. */
const FOOTAGE = new URL('../tracking/pedestrians.ndjson', import.meta.url);
const ASPECT = 768 / 576;
const FRAME_MS = 100;
const MODELS = ['ssdlite-mobilenet-v2', 'yolov8n'] as const;
/** One frame of so many: 10, 5, 2.5 and 2 results a second. */
const STEPS = [1, 2, 4, 5];
const CROWD = 50;
const CROWD_RESULTS = 2_000;

type Row = readonly number[];
type Frame = { readonly people: readonly Placed[] } & Readonly<Record<(typeof MODELS)[number], readonly Row[]>>;

interface Options {
  readonly seconds: number;
  readonly markdown: boolean;
}

function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: { markdown: { type: 'boolean', default: false } } });
  return { seconds: 0, markdown: values.markdown };
}

function sightingOf([left, top, right, bottom, confidence, ...colours]: Row, isColoured: boolean): Sighting {
  const bbox = [left, top, right, bottom] as [number, number, number, number];
  const detection = { class_id: 0, class_name: 'person', confidence: confidence as number, bbox };
  return isColoured ? { detection, colours: colours as unknown as Colours } : { detection };
}

/** Where the tracker saw somebody, by frame. */
function track(frames: readonly (readonly Row[])[], stepMs: number, isColoured: boolean): Placed[][] {
  const tracker = new Tracker({ ...TRACKER_DEFAULTS, aspect: ASPECT });
  return frames.map((rows, i) => {
    const sightings = rows.map((row) => sightingOf(row, isColoured));
    const { tracks } = tracker.see(i * stepMs, sightings);
    return tracks
      .filter(({ seenMs }) => seenMs === i * stepMs)
      .map(({ id, bbox: [left, top, right, bottom] }): Placed => [id, left, top, right, bottom]);
  });
}

/** What a tracker could reach that knew who each detection is of. */
function ceiling(frames: readonly (readonly Row[])[], truth: readonly (readonly Placed[])[]): Placed[][] {
  return frames.map((rows, i) => {
    const left = new Set(truth[i]);
    return rows
      .filter((row) => (row[4] as number) >= TRACKER_DEFAULTS.sure)
      .flatMap(([x, y, right, bottom]): Placed[] => {
        const box: Placed = [0, x as number, y as number, right as number, bottom as number];
        const [person] = [...left].sort((a, b) => iouOf(b, box) - iouOf(a, box));
        if (!person || iouOf(person, box) < 0.5) return [];
        left.delete(person);
        return [[person[0], box[1], box[2], box[3], box[4]]];
      });
  });
}

const share = (value: number): string => value.toFixed(3);

function identities(frames: readonly Frame[]): Table {
  const rows = MODELS.flatMap((model) =>
    STEPS.map((step) => {
      const some = frames.filter((_, i) => i % step === 0);
      const truth = some.map(({ people }) => people);
      const detected = some.map((frame) => frame[model]);
      const without = identityScore(truth, track(detected, step * FRAME_MS, false));
      const most = identityScore(truth, ceiling(detected, truth));
      const { idf1, precision, recall, given } = identityScore(truth, track(detected, step * FRAME_MS, true));
      const shares = [idf1, precision, recall, without.idf1, most.idf1].map(share);
      return [model, String(10 / step), String(given)].concat(shares);
    }),
  );
  return {
    title: 'Identities on the pedestrians clip: 9 people in 20 s',
    columns: ['detector', 'results/s', 'ids', 'IDF1', 'precision', 'recall', 'IDF1 without colours', 'ceiling'],
    rows,
    notes: [
      'ceiling: each detection of 0.35 or more has the identity of the person whom it covers best, and false ones are left out',
      'the truth was made with YOLOv8n and corrected by eye, so it is kinder to YOLOv8n',
    ],
  };
}

/** Fifty people who walk about and are seen nine times of ten. */
function cost(): Table {
  const tracker = new Tracker({ ...TRACKER_DEFAULTS, aspect: ASPECT });
  const took: number[] = [];
  for (let i = 0; i < CROWD_RESULTS; i += 1) {
    const sightings = Array.from({ length: CROWD }, (_, n): Row => {
      const x = 0.5 + 0.45 * Math.sin(n * 2.4 + i * 0.004 * (1 + (n % 7)));
      const y = 0.5 + 0.35 * Math.cos(n * 1.3 + i * 0.003 * (1 + (n % 5)));
      return [x - 0.02, y - 0.08, x + 0.02, y + 0.08, 0.9, n * 5, 120 + (n % 9), 130, n * 3, 128, 120 + (n % 11)];
    })
      .filter((_, n) => (n * 7 + i) % 10 !== 0)
      .map((row) => sightingOf(row, true));
    const from = systemClock.nowMs();
    tracker.see(i * 200, sightings);
    took.push(systemClock.nowMs() - from);
  }
  const us = (ms: number): string => String(Math.round(ms * 1000));
  return {
    title: `${CROWD} people, 45 of them detected in each result`,
    columns: ['results', 'mean, µs', 'p50', 'p99'],
    rows: [[String(CROWD_RESULTS), us(mean(took)), us(quantile(took, 0.5)), us(quantile(took, 0.99))]],
  };
}

process.exitCode = await runBenchmark('tracking', readOptions, async (_, { markdown }) => {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  print(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  const frames = readFileSync(FOOTAGE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Frame);
  for (const table of [identities(frames), cost()]) print(markdown ? asMarkdown(table) : asText(table));
  return true;
});

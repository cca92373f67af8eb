// `npm run bench -- beds`: who gets into a bed and out of it, in composed nights, through the real chain (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '@vigia/base';
import type { NodeEventOf } from '@vigia/contracts';
import { BED, composeNights, type Night } from './beds/nights.ts';
import { type Judged, reportedOf, type Reported, scoreOf } from './beds/score.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { quantile } from './support/numbers.ts';
import { CLIP } from './support/paths.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';

interface Options {
  readonly seconds: number;
  readonly footage: string;
  readonly labels: string;
  readonly fps: number;
  readonly json: boolean;
  readonly markdown: boolean;
}

/** Who has left for this long is away. Seconds. */
const AWAY_S = 9;
/** After the end of a night. Milliseconds. */
const AFTER_MS = 2_000;

function readOptions(args: string[]): Options {
  const options = {
    footage: { type: 'string' },
    labels: { type: 'string' },
    fps: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  } as const;
  const { footage, labels, fps: rate, json, markdown } = parseArgs({ args, options }).values;
  if (footage === undefined || labels === undefined) throw new Error('--footage DIR and --labels FILE are needed');
  const fps = Number(rate);
  if (!(fps >= 1 && fps <= 7)) throw new Error(`--fps ${rate}: 1 to 7 are allowed`);
  return { seconds: 0, footage, labels, fps, json, markdown };
}

/** What was heard of a night. */
interface Heard {
  readonly night: Night;
  readonly reported: readonly Reported[];
  /** Alarms for being away: how long somebody was by then. Milliseconds. */
  readonly awayMs: readonly number[];
}

async function play(run: BenchRun, node: VigiaNode, nights: readonly Night[]): Promise<Heard[]> {
  const from = node.lines.length;
  const ids = nights.map((_, i) => `night-${i}`);
  await node.reloadCameras(Object.fromEntries(ids.map((id, i) => [id, `"file:${nights[i]?.path}"`])));
  const longestS = Math.max(...nights.map(({ seconds }) => seconds));
  run.progress(`${nights.length} nights at once, ${longestS.toFixed(0)} s`);
  await node.okResults(ids, 1, from);
  await sleep(systemClock, longestS * 1000 + AFTER_MS, run.signal);
  const results = node.results(from).map(({ result }) => result);
  const heard: Heard[] = [];
  for (const [i, night] of nights.entries()) {
    const answer = JSON.parse(await node.ask('GET', `/api/v1/events?kind=bed&camera=${ids[i]}&limit=1000`)) as {
      events: NodeEventOf<'bed'>[];
    };
    const first = results.find((result) => result.camera === ids[i] && result.status === 'ok');
    const zeroMs = first ? Date.parse(first.captured_at) - first.pts_us / 1000 : Number.NaN;
    const events = answer.events.toReversed().filter(({ at }) => Date.parse(at) - zeroMs <= night.seconds * 1000);
    const away = events.filter(({ phase, data }) => phase === 'start' && data.reason === 'away');
    heard.push({
      night,
      reported: reportedOf(events, zeroMs),
      awayMs: away.map(({ data }) => data.away_ms ?? Number.NaN),
    });
  }
  return heard;
}

function tablesOf(heard: readonly Heard[], { fps }: Options): { tables: Table[]; json: object } {
  const scores = heard.map(({ night, reported }) => scoreOf(night, reported));
  const phases = scores.flatMap((score) => score.phases);
  const of = (what: Judged['what']): readonly Judged[] => phases.filter((one) => one.what === what);
  const delays = (some: readonly Judged[]): number[] => some.flatMap(({ delayS }) => delayS ?? []);
  const shown = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : '–');
  const kinds = ['in', 'edge', 'out'] as const;
  const row = (what: Judged['what']) => {
    const [all, seen] = [of(what), delays(of(what))];
    return {
      what,
      phases: all.length,
      seen: seen.length,
      within_1s: seen.filter((one) => one <= 1).length,
      p50: quantile(seen, 0.5),
      most: Math.max(...seen),
    };
  };
  const rows = kinds.map(row);
  const away = heard.flatMap(({ awayMs }) => awayMs).map((one) => one - AWAY_S * 1000);
  const missed = phases.filter(({ delayS }) => delayS === undefined);
  const wrong = scores.flatMap((score, i) => score.wrong.map((one) => ({ night: heard[i]?.night.name ?? '', ...one })));
  const json = { fps, phases: rows, judged: phases, missed, wrong, away_late_ms: away };
  return {
    json,
    tables: [
      {
        title: `Beds in composed nights, ${fps} results a second`,
        columns: ['phase', 'labelled', 'seen', 'within 1 s', 'delay, s p50', 'most'],
        rows: rows.map((one) => [
          one.what,
          String(one.phases),
          String(one.seen),
          String(one.within_1s),
          shown(one.p50),
          shown(one.most),
        ]),
        notes: [
          'composed of clips of one room; who gets out is somebody who gets in, played backwards. Phases of less than a second are not judged',
          `away for ${AWAY_S} s: ${away.length} alarms, ${away.map((one) => `${one.toFixed(0)} ms`).join(', ') || 'none'} late`,
        ],
      },
      {
        title: 'What went wrong',
        columns: ['night', 'at, s', 'label', 'reported'],
        rows: [
          ...missed.map(({ night, fromS, what }) => [night, fromS.toFixed(1), what, 'nothing']),
          ...wrong.map(({ night, atS, what }) => [night, atS.toFixed(1), labelAt(heard, night, atS), what]),
        ],
        notes: [],
      },
    ],
  };
}

function labelAt(heard: readonly Heard[], name: string, atS: number): string {
  const truth = heard.find(({ night }) => night.name === name)?.night.truth ?? [];
  return truth.findLast(({ fromS }) => fromS <= atS)?.what ?? '–';
}

async function measure(run: BenchRun, options: Options): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-beds-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  run.progress('composing nights');
  const nights = composeNights(options.footage, options.labels, dir);
  const setting = `zones: { bed: { kind: bed, points: ${BED} } }\n    rules: { bed: { from: people, zone: bed, alarm: away, away: ${AWAY_S}s } }`;
  const consumers = (): string => `{ people: { model: ssdlite, fps: ${options.fps}, sla: critical } }`;
  const node = VigiaNode.start(run, { warm: `"file:${CLIP}?loop"` }, consumers, setting);
  await node.okResults(['warm'], 5);
  const heard = await play(run, node, nights);
  await node.finish();
  const { tables, json } = tablesOf(heard, options);
  if (options.json) process.stdout.write(`${JSON.stringify(json, null, 1)}\n`);
  else
    process.stdout.write(
      `${headerLines().join('\n')}\n\n${tables.map(options.markdown ? asMarkdown : asText).join('\n\n')}\n`,
    );
  return heard.every(({ reported }) => reported.length > 0);
}

process.exitCode = await runBenchmark('beds', readOptions, measure);

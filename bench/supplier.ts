// `npm run bench -- supplier`: latency from publishing to the consumer, alternating with the peers in one run
// (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WARM_UP_FRAMES, WARM_UP_SECONDS } from './supplier/publishing.ts';
import { comparisonTable, judge, valuesTable } from './supplier/report.ts';
import { measureRounds, type Outcome } from './supplier/rounds.ts';
import type { Setup, Variant } from './supplier/variant.ts';
import { selectVariants } from './supplier/variants.ts';
import { headerLines, runBenchmark } from './support/bench-run.ts';
import { asMarkdown, asText } from './support/table.ts';

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly variants: readonly Variant[];
  readonly peersDir: string;
  readonly markdown: boolean;
  readonly json: boolean;
}

/** Next to the repository. */
const PEERS = fileURLToPath(new URL('../../../shared/peers', import.meta.url));

const OPTIONS = {
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '5' },
  only: { type: 'string', default: '' },
  peers: { type: 'string', default: PEERS },
  markdown: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** Throws a sentence for the user of the command line. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  return {
    seconds: wholeNumber('--seconds', values.seconds, 3_600),
    rounds: wholeNumber('--rounds', values.rounds, 1_000),
    variants: selectVariants(values.only.split(',').filter((name) => name !== '')),
    peersDir: resolve(values.peers),
    markdown: values.markdown,
    json: values.json,
  };
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${option}: found "${text}", allowed are 1 to ${most}`);
}

function notesOf({ seconds, rounds }: Options): string[] {
  return [
    `${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s, the variants by turns, each in a fresh process`,
    `not counted, ours: ${WARM_UP_FRAMES} frames (as fast as they are taken) and ${WARM_UP_SECONDS} s at the rate; the peers are compiled and count from the start (GStreamer from the sixth frame)`,
    '1080p frames whose pixels are not copied, except where stated (shmsink always copies)',
    'p50 by round: the lowest and the highest; frames/s: what sleeping between two frames makes of the rate',
  ];
}

function textOf(head: readonly string[], outcomes: readonly Outcome[], options: Options): string {
  const verdicts = judge(outcomes);
  if (options.json) {
    const results = outcomes.map(({ variant, samples, absent }) => ({ name: variant.name, samples, absent }));
    return JSON.stringify({ head, results, comparisons: verdicts, notes: notesOf(options) });
  }
  const write = options.markdown ? asMarkdown : asText;
  const tables = [valuesTable(outcomes, notesOf(options)), ...(verdicts.length > 0 ? [comparisonTable(verdicts)] : [])];
  return [`${head.join(options.markdown ? '  \n' : '\n')}\n`, ...tables.map(write)].join('\n');
}

async function measure(setup: Setup, options: Options): Promise<boolean> {
  // Before anything runs: it records the load average.
  const head = headerLines();
  const outcomes = await measureRounds(setup, options.variants, options.rounds);
  if (setup.versions.size > 0) head.push(`peers: ${[...setup.versions].join(', ')}`);
  process.stdout.write(`${textOf(head, outcomes, options)}\n`);
  return !outcomes.some(({ failed }) => failed);
}

process.exitCode = await runBenchmark('supplier', readOptions, (run, options) => {
  const tempDir = mkdtempSync(join(tmpdir(), 'vigia-bench-'));
  run.scope.defer(() => rmSync(tempDir, { recursive: true, force: true }));
  return measure({ run, peersDir: options.peersDir, tempDir, versions: new Set() }, options);
});

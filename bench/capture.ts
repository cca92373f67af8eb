// `npm run bench -- capture`: from the network to a rendition, compared with ffmpeg and libav
// (docs/reference/benchmarks.md).
import { parseArgs } from 'node:util';
import { measureArrival } from './capture/arrival.ts';
import { measureCost } from './capture/cost.ts';
import { measureDensity } from './capture/density.ts';
import { measureThroughput } from './capture/throughput.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

/** Every part, and what it measures in the given number of rounds. */
const PARTS: Readonly<Record<string, (run: BenchRun, rounds: number) => Promise<Table>>> = {
  throughput: measureThroughput,
  arrival: measureArrival,
  cost: measureCost,
  density: (run) => measureDensity(run),
};

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly only: readonly string[];
  readonly markdown: boolean;
}

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  only: { type: 'string' },
  markdown: { type: 'boolean' },
} as const;

/** Throws a sentence for the user of the command line. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  const only = values.only?.split(',') ?? Object.keys(PARTS);
  const unknown = only.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined)
    throw new Error(`--only: found "${unknown}", allowed are ${Object.keys(PARTS).join(', ')}`);
  return {
    seconds: whole('seconds', values.seconds, 8, 2, 600),
    rounds: whole('rounds', values.rounds, 3, 1, 100),
    only,
    markdown: values.markdown === true,
  };
}

function whole(name: string, value: string | undefined, usual: number, least: number, most: number): number {
  const number = Number(value ?? usual);
  if (!Number.isInteger(number) || number < least || number > most)
    throw new Error(`--${name}: found "${value}", allowed are ${least} to ${most}`);
  return number;
}

process.exitCode = await runBenchmark('capture', readOptions, async (run, { only, rounds, markdown }) => {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  for (const name of only) {
    const table = await (PARTS[name] as (typeof PARTS)[string])(run, rounds);
    write(markdown ? asMarkdown(table) : asText(table));
  }
  return true;
});

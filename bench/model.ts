// `npm run bench -- model`: a model container compared with a bare loop over the same network, and the cost of a
// request (docs/reference/benchmarks.md).
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureRoundTrip } from './model/round-trip.ts';
import { measureStages } from './model/stages.ts';
import { measureThroughput } from './model/throughput.ts';
import { headerLines, runBenchmark } from './support/bench-run.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly threads: number;
  readonly peers: string;
  readonly markdown: boolean;
}

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  threads: { type: 'string' },
  peers: { type: 'string' },
  markdown: { type: 'boolean' },
} as const;

/** Next to the repository. */
const PEERS = fileURLToPath(new URL('../../../shared/peers', import.meta.url));

/** Throws a sentence for the user of the command line. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  const whole = (name: 'seconds' | 'rounds' | 'threads', usual: number, most: number): number => {
    const value = Number(values[name] ?? usual);
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new Error(`--${name}: found "${values[name]}", allowed are 1 to ${most}`);
    return value;
  };
  return {
    seconds: whole('seconds', 5, 600),
    rounds: whole('rounds', 6, 100),
    threads: whole('threads', 1, 64),
    peers: values.peers === undefined ? PEERS : resolve(values.peers),
    markdown: values.markdown === true,
  };
}

process.exitCode = await runBenchmark('model', readOptions, async (run, { rounds, threads, peers, markdown }) => {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const print = (table: Table): void => write(markdown ? asMarkdown(table) : asText(table));
  write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  print(await measureThroughput(run, rounds, threads));
  print(await measureStages(run));
  print(await measureRoundTrip(run, rounds, peers));
  return true;
});

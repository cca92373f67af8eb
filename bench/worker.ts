// `npm run bench -- worker`: 1080p frames to workers, as bytes on standard input and, alternating, as references to
// shared memory (docs/reference/benchmarks.md).
import { parseArgs } from 'node:util';
import { headerLines, runBenchmark } from './support/bench-run.ts';
import { asMarkdown, asText } from './support/table.ts';
import { measureHandOver } from './worker/hand-over.ts';

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly markdown: boolean;
}

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  short: { type: 'boolean' },
  markdown: { type: 'boolean' },
} as const;

/** Throws a sentence for the user of the command line. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  const whole = (name: 'seconds' | 'rounds', usual: number, most: number): number => {
    const value = Number(values[name] ?? (values.short ? 1 : usual));
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new Error(`--${name}: found "${values[name]}", allowed are 1 to ${most}`);
    return value;
  };
  return { seconds: whole('seconds', 4, 600), rounds: whole('rounds', 5, 100), markdown: values.markdown === true };
}

process.exitCode = await runBenchmark('worker', readOptions, async (run, { rounds, markdown }) => {
  process.stdout.write(`${headerLines().join(markdown ? '  \n' : '\n')}\n\n`);
  const table = await measureHandOver(run, rounds);
  process.stdout.write(`${markdown ? asMarkdown(table) : asText(table)}\n`);
  return true;
});

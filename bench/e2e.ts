// `npm run bench -- e2e`: camera to result, measured in one run on the built packages (docs/reference/benchmarks.md).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { measureAges } from './e2e/ages.ts';
import { measureFirstResult } from './e2e/first-result.ts';
import { measureRecovery } from './e2e/recovery.ts';
import { measureTransit } from './e2e/transit.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { VIGIA } from './support/paths.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

interface Options {
  readonly seconds: number;
  readonly markdown: boolean;
}

const SECONDS = { least: 4, most: 3_600, usual: 20 } as const;

const OPTIONS = { seconds: { type: 'string' }, markdown: { type: 'boolean' } } as const;

/** Throws a sentence for the user of the command line. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  const seconds = Number(values.seconds ?? SECONDS.usual);
  if (!Number.isInteger(seconds) || seconds < SECONDS.least || seconds > SECONDS.most)
    throw new Error(`--seconds: found "${values.seconds}", allowed are ${SECONDS.least} to ${SECONDS.most}`);
  return { seconds, markdown: values.markdown === true };
}

/** Downloads the model if necessary, so that no measurement waits for it. */
async function fetchModel(run: BenchRun): Promise<void> {
  const pull = spawn(process.execPath, [VIGIA, 'models', 'pull', 'ssdlite-mobilenet-v2'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    signal: run.signal,
  });
  const [code] = (await once(pull, 'exit')) as [number | null];
  if (code !== 0) throw new Error('the model could not be fetched');
}

async function measure(run: BenchRun, print: (table: Table) => void): Promise<void> {
  await fetchModel(run);
  print(await measureTransit(run));
  print(await measureFirstResult(run));
  for (const table of await measureAges(run)) print(table);
  print(await measureRecovery(run));
}

process.exitCode = await runBenchmark('e2e', readOptions, async (run, { markdown }) => {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  await measure(run, (table) => write(markdown ? asMarkdown(table) : asText(table)));
  return true;
});

// `npm run bench -- NAME [options]`: builds, compiles `bench/` and runs one of its programs on the built packages.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, fail, install, root, runBin } from './lib.mjs';

/** Every benchmark, what it measures, and how it is called. */
const BENCHMARKS = {
  e2e: {
    line: 'camera to result: latencies, age and cost with 1 and 4 cameras, recovery times (about 4 minutes)',
    options: '[--seconds N] [--markdown]',
  },
};

function help() {
  const lines = Object.entries(BENCHMARKS).map(([name, { line, options }]) => `  ${name} ${options}\n      ${line}`);
  return `npm run bench -- NAME [options]\n\n${lines.join('\n')}\n\n  --seconds N   length of each measured window, 4 to 3600 (20)\n  --markdown    tables as Markdown\n\nWhat the numbers mean: docs/reference/benchmarks.md\n`;
}

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || [name, ...rest].includes('--help') || name === '-h') {
  process.stdout.write(help());
  process.exit(0);
}
if (!Object.hasOwn(BENCHMARKS, name)) {
  process.stderr.write(`vigia: there is no benchmark "${name}"; there are ${Object.keys(BENCHMARKS).join(', ')}\n`);
  process.exit(2);
}
checkNode();
await install();
await build();
if ((await runBin('tsc', ['-p', 'bench/tsconfig.json'])) !== 0) {
  fail('the benchmarks do not compile; the compiler’s words are above');
}
// In this very process: one process less between Ctrl-C and what must be cleaned up.
process.argv.splice(2, Number.POSITIVE_INFINITY, ...rest);
await import(pathToFileURL(join(root, 'bench/dist', `${name}.js`)).href);

// The pre-commit check: format and types of what is about to be committed, within 10 s. `npm run check` does the rest.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, output, root, runBin } from './lib.mjs';

const FORMATTED = /\.(?:ts|mjs|json)$/;
const TYPED = /\.ts$|(?:^|\/)tsconfig[^/]*\.json$/;

const staged = output('git', ['-C', root, 'diff', '--cached', '--name-only', '--diff-filter=ACMR']);
if (staged === undefined) fail('pre-commit: git diff failed');
const files = staged.split('\n').filter((file) => FORMATTED.test(file) && existsSync(join(root, file)));
if (files.length === 0) process.exit(0);
if (!existsSync(join(root, 'node_modules/.bin')))
  fail('pre-commit: nothing is installed here: npm run setup, or VIGIA_HOOKS=off git commit …');

const formatted = await runBin('biome', ['format', '--no-errors-on-unmatched', ...files]);
if (formatted !== 0) fail('pre-commit: run npm run format, then add the files again');
// The packages first: tests and benchmarks read their declarations.
const isTyped = files.some((file) => TYPED.test(file));
if (isTyped && ((await runBin('tsc', ['-b'])) !== 0 || (await runBin('tsc', ['-p', 'tsconfig.tests.json'])) !== 0))
  fail('pre-commit: the types do not fit; the compiler’s words are above');

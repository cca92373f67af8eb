// Facts about the project's source files for the checks: functions, imports, comments and uses of `any`.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, visitorKeys } from 'oxc-parser';
import { root } from './lib.mjs';

/** The interpreter that runs the tests of the Python SDK. */
const python = '/usr/bin/python3';
const MODULES = new Set(['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression']);
const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'TSDeclareFunction',
  'TSEmptyBodyFunctionExpression',
]);

/** Paths, relative to the root, of tracked and of new, not ignored files that end in one of `endings`. */
export function projectFiles(...endings) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const { stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return stdout
    .split('\n')
    .filter((file) => endings.some((ending) => file.endsWith(ending)) && existsSync(join(root, file)));
}

/** The text of a file; `file` is relative to the root. */
export function textOf(file) {
  return readFileSync(join(root, file), 'utf8');
}

/**
 * The facts of a `.ts` or `.mjs` file. Each has a `line`: `functions` (`end`, `name`, `parameters`, `body`: whether it
 * has one), `imports` (`from`: the specifier; type-only imports and `import()` types included), `anys`.
 */
export function scriptFacts(file) {
  const { program, lineAt } = parse(file);
  const facts = { functions: [], imports: [], anys: [] };
  visit(program, undefined, (node, parent) => note(facts, node, parent, lineAt));
  return facts;
}

/** The comments of a `.ts` or `.mjs` file, with their line. */
export function scriptComments(file) {
  const parsed = parse(file);
  return parsed.comments.map(({ value, start }) => ({ line: parsed.lineAt(start), text: value }));
}

/** The keys of the object that a constant of a `.ts` or `.mjs` file holds. */
export function keysOf(file, constant) {
  const keys = [];
  visit(parse(file).program, undefined, (node) => {
    if (node.type !== 'VariableDeclarator' || node.id.name !== constant) return;
    keys.push(...node.init.properties.map(({ key }) => key.name ?? key.value));
  });
  return keys;
}

/** The parser's result; `program` is decoded on access, which takes most of the time. */
function parse(file) {
  const text = textOf(file);
  const result = parseSync(file, text);
  if (result.errors.length > 0) throw new Error(`${file}: ${result.errors[0].message}`);
  return Object.assign(result, { lineAt: lineCounter(text) });
}

function note(facts, node, parent, lineAt) {
  const line = lineAt(node.start);
  if (node.type === 'TSAnyKeyword') facts.anys.push({ line });
  else if (FUNCTIONS.has(node.type)) facts.functions.push({ line, ...functionFacts(node, parent, lineAt) });
  else if (MODULES.has(node.type) || node.type === 'TSImportType') {
    const from = node.source?.value;
    if (typeof from === 'string') facts.imports.push({ line, from });
  }
}

function functionFacts(node, parent, lineAt) {
  const parameters = node.params.filter((p) => p.name !== 'this').length;
  const name = node.id?.name ?? parent?.key?.name ?? parent?.id?.name ?? 'a function without a name';
  return { end: lineAt(node.end), name, parameters, body: Boolean(node.body) };
}

function visit(node, parent, see) {
  see(node, parent);
  const children = (visitorKeys[node.type] ?? []).flatMap((key) => node[key] ?? []);
  for (const child of children) if (child !== null) visit(child, node, see);
}

/** A function that maps an offset in `text` to its line, from 1. */
function lineCounter(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/**
 * The facts of Python files, by path: `functions` and `imports` (`level`: leading dots, `name`) as above, and `comments`
 * (`text`), doc strings included.
 */
export function pythonFacts(files) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, maxBuffer: 2 ** 26 };
    const helper = execFile(python, [join(root, 'scripts/source-code.py')], options, (error, stdout) =>
      error === null ? resolve(JSON.parse(stdout)) : reject(error),
    );
    helper.stdin.end(files.join('\n'));
  });
}

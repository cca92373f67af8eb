// Checks the shape of the code: long files without a reason, number of parameters, `any`, import cycles.
// `node scripts/check-shape.mjs` prints problems, one sentence each; with `--numbers` it prints measurements, lengths of
// functions among them: they are for looking, no limit.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './lib.mjs';
import { projectFiles, pythonFacts, scriptFacts, textOf } from './source-code.mjs';

const CHECKED = /^(?:packages\/[^/]+\/(?:src|test)|bench|scripts|sdk\/python)\//;
const SHIPPED = /^packages\/[^/]+\/src\/(?!.*\.test\.ts$).*\.ts$/;
/** A longer file says why, in a comment among its first lines. */
const FILE_LINES = 500;
const REASON = /^(?:\/\/|#| \*|\/\*\*) ?Over 500 lines: \S/m;
const REASON_WITHIN = 20;
const PARAMETERS = 6;

/** Every problem, one sentence each. */
export async function shapeProblems() {
  const files = await readFacts();
  return [...files].flatMap(problemsOf).concat(cycleProblems(files));
}

/** The facts of every checked file, by path. */
async function readFacts() {
  const python = pythonFacts(projectFiles('.py').filter((file) => CHECKED.test(file)));
  const scripts = projectFiles('.ts', '.mjs').filter((file) => CHECKED.test(file));
  return new Map([...scripts.map((file) => [file, scriptFacts(file)]), ...Object.entries(await python)]);
}

function problemsOf([file, { functions, anys = [] }]) {
  const lines = linesOf(file);
  const long =
    lines > FILE_LINES && !hasReason(file)
      ? [`${file}:1: the file has ${lines} lines; above ${FILE_LINES} one of its first says "Over 500 lines: REASON"`]
      : [];
  const wide = functions
    .filter(({ parameters }) => parameters > PARAMETERS)
    .map((f) => `${file}:${f.line}: ${f.name} has ${f.parameters} parameters; ${PARAMETERS} are allowed`);
  return [...long, ...wide, ...anys.map(({ line }) => `${file}:${line}: \`any\`; name the type, or use \`unknown\``)];
}

function hasReason(file) {
  return REASON.test(textOf(file).split('\n', REASON_WITHIN).join('\n'));
}

function linesOf(file) {
  return textOf(file).trimEnd().split('\n').length;
}

/**
 * Lengths of the functions that ship, in ascending order: from the first to the last line, nested functions included,
 * which are also counted on their own. An arrow function on one line counts 1.
 */
function lengths(files, folder = /^/) {
  return [...files]
    .filter(([file]) => SHIPPED.test(file) && folder.test(file))
    .flatMap(([, { functions }]) => functions.filter((f) => f.body).map((f) => f.end - f.line + 1))
    .sort((a, b) => a - b);
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** One problem per group of files that import each other, with the shortest cycle. */
function cycleProblems(files) {
  const graph = importGraph(files);
  return components(graph)
    .filter((group) => group.length > 1 || graph.get(group[0]).includes(group[0]))
    .map((group) => shortestCycle(graph, group))
    .map((cycle) => `${cycle[0]}:1: import cycle; none is allowed: ${[...cycle, cycle[0]].join(' → ')}`);
}

function importGraph(files) {
  const resolve = (file, found) =>
    file.endsWith('.py') ? resolvePython(file, found) : resolveScript(file, found.from);
  return new Map(
    [...files].map(([file, { imports }]) => [
      file,
      [...new Set(imports.map((found) => resolve(file, found)))].filter((target) => files.has(target)),
    ]),
  );
}

/**
 * The file of a specifier in a `.ts` or `.mjs` file: relative, `#door` of the same package, or a package of this
 * repository.
 */
function resolveScript(file, from) {
  if (from.startsWith('.')) return sourceOf(normalize(join(dirname(file), from)));
  const own = /^packages\/[^/]+/.exec(file)?.[0];
  if (from.startsWith('#')) return own && sourceOf(join(own, mapped(own, 'imports', from) ?? from));
  const [, name, rest] = /^@vigia\/([^/]+)(.*)$/.exec(from) ?? [];
  return name && sourceOf(join(`packages/${name}`, mapped(`packages/${name}`, 'exports', `.${rest}`) ?? from));
}

const manifests = new Map();

/** The target of a specifier in `imports` or `exports` of a package's package.json, under the condition `source`. */
function mapped(folder, field, from) {
  if (!manifests.has(folder)) manifests.set(folder, readManifest(folder));
  const entries = Object.entries(manifests.get(folder)[field] ?? {});
  const targets = entries.map(([pattern, value]) => matched(pattern, value.source ?? value.default ?? value, from));
  return targets.find((target) => target !== undefined);
}

/** `target` for a specifier that matches `pattern`, in which `*` stands for any text; undefined for others. */
function matched(pattern, target, from) {
  const [head, tail] = pattern.split('*');
  if (tail === undefined) return pattern === from ? target : undefined;
  return from.startsWith(head) ? target.replace('*', from.slice(head.length)) : undefined;
}

function readManifest(folder) {
  const path = join(root, folder, 'package.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

/** The source of a built file; other paths unchanged. */
function sourceOf(path) {
  return path.replace(/^(packages\/[^/]+)\/dist\/(.*)\.js$/, '$1/src/$2.ts');
}

/** The file of a Python module: relative by its dots, otherwise from `sdk/python`. */
function resolvePython(file, { level, name }) {
  let folder = level === 0 ? 'sdk/python' : dirname(file);
  for (let up = 1; up < level; up++) folder = dirname(folder);
  const path = join(folder, ...name.split('.'));
  return existsSync(join(root, `${path}.py`)) ? `${path}.py` : join(path, '__init__.py');
}

/** Strongly connected components, by Tarjan's algorithm. */
function components(graph) {
  const seen = new Map();
  const stack = [];
  const found = [];
  const enter = (file) => {
    const state = { low: seen.size, index: seen.size, open: true };
    seen.set(file, state);
    stack.push(file);
    for (const next of graph.get(file)) {
      if (!seen.has(next)) state.low = Math.min(state.low, enter(next).low);
      else if (seen.get(next).open) state.low = Math.min(state.low, seen.get(next).index);
    }
    if (state.low === state.index) found.push(leave(file));
    return state;
  };
  const leave = (file) => {
    const group = stack.splice(stack.indexOf(file));
    for (const member of group) seen.get(member).open = false;
    return group;
  };
  for (const file of graph.keys()) if (!seen.has(file)) enter(file);
  return found;
}

function shortestCycle(graph, group) {
  const inside = new Set(group);
  const cycles = group.map((start) => cycleFrom(graph, start, inside)).filter(Boolean);
  return cycles.sort((a, b) => a.length - b.length)[0];
}

/** The shortest path from `start` back to it, by breadth-first search inside its component. */
function cycleFrom(graph, start, inside) {
  const before = new Map();
  const queue = [start];
  for (const file of queue) {
    const found = graph.get(file);
    if (found.includes(start)) return wayTo(before, file);
    for (const next of found.filter((one) => inside.has(one) && !before.has(one))) {
      before.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(before, file) {
  const way = [file];
  while (before.has(way[0])) way.unshift(before.get(way[0]));
  return way;
}

/** Measurements: lengths of functions by package, then the maxima. */
async function numbers() {
  const files = await readFacts();
  const folders = [...files.keys()].filter((file) => SHIPPED.test(file)).map((file) => file.split('/')[1]);
  const rows = [...new Set(folders)].map((name) => row(name, lengths(files, new RegExp(`^packages/${name}/src/`))));
  return [
    'lines of functions in packages/*/src, without tests',
    'package          functions  median  p90  longest',
    ...rows,
    row('all', lengths(files)),
    ...greatest(files),
  ];
}

function row(name, sorted) {
  const cells = [sorted.length, quantile(sorted, 0.5), quantile(sorted, 0.9), sorted.at(-1)];
  return name.padEnd(17) + cells.map((cell, i) => String(cell).padStart([9, 8, 5, 9][i])).join('');
}

function greatest(files) {
  const functions = [...files].flatMap(([file, facts]) => facts.functions.map((f) => ({ file, ...f })));
  const widest = functions.toSorted((a, b) => b.parameters - a.parameters)[0];
  const longest = [...files.keys()].map((file) => [linesOf(file), file]).sort(([a], [b]) => b - a)[0];
  const anys = [...files.values()].flatMap((facts) => facts.anys ?? []);
  return [
    `most parameters: ${widest.parameters}, ${widest.name} in ${widest.file}:${widest.line}`,
    `longest file: ${longest[0]} lines, ${longest[1]}`,
    `files: ${files.size}; uses of any: ${anys.length}; import cycles: ${cycleProblems(files).length}`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.includes('--numbers');
  const lines = asked ? await numbers() : await shapeProblems();
  for (const line of lines) process.stdout.write(`${line}\n`);
  process.exitCode = asked || lines.length === 0 ? 0 : 1;
}

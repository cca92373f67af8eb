// Compares lists in documents with the tree, the schemas and the tables of the code: what exists is named, and what is
// named exists. `node scripts/check-facts.mjs` prints one sentence per difference. It builds first if sources changed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { codes, firstCells, found, namesIn, sectionOf, tablesIn } from './document-lists.mjs';
import { build, install, root } from './lib.mjs';
import { keysOf, projectFiles, textOf } from './source-code.mjs';

const RUNTIME = 'packages/runtime/src';
const SCHEMA = 'docs/reference/schemas/configuration.schema.json';

const ARCHITECTURE = 'ARCHITECTURE.md';
const README = 'packages/runtime/README.md';
const CONFIGURATION = 'docs/reference/configuration.md';
const COMMAND_LINE = 'docs/reference/command-line.md';
const BENCHMARKS = 'docs/reference/benchmarks.md';

/** Processes that have no folder of their own in the runtime. */
const OTHER_PROCESSES = ['supervisor', 'worker', 'model container'];
/** Looks like an environment variable, and is the code of a warning. */
const NO_VARIABLES = new Set(['VIGIA_LEASE_LEAK']);

/** Headings of configuration.md, and the part of the schema that each describes. */
const CONFIG_SECTIONS = {
  'Top level': '',
  Camera: 'cameras.*.',
  Decoder: 'cameras.*.',
  TLS: 'cameras.*.',
  Record: 'cameras.*.record.',
  Zones: 'cameras.*.zones.*.',
  Rules: 'cameras.*.rules.',
  Consumer: 'cameras.*.consumers.*.',
  Model: 'models.*.',
  Worker: 'workers.*.',
  CPU: 'cpu.',
  MQTT: 'mqtt.',
  Storage: 'storage.',
  HTTP: 'http.',
  Webhooks: 'webhooks.*.',
  Tracing: 'tracing.',
};

/**
 * The facts. `what` and `from`: what the code has, and where; `names`: all of it. `lists`: which documents must have the
 * same names, and those that they have; `at`: where, when a document has several. `others`: names that a list may have
 * besides; `open`: it may have any.
 */
function facts({ API, EVENT_KINDS, COMMANDS }) {
  const processes = foldersOf(RUNTIME).filter((folder) => existsSync(join(root, processEntry(folder))));
  const keys = keysOfSchema(JSON.parse(textOf(SCHEMA)));
  const cameraKeys = found(keys.join('\n'), /^cameras\.\*\.([a-z_]+)$/gm);
  const benchmarks = textOf(BENCHMARKS);
  return [
    {
      what: 'process',
      from: processEntry('*'),
      names: [...processes, ...OTHER_PROCESSES],
      lists: [
        { in: ARCHITECTURE, names: firstCells(ARCHITECTURE, 'process', 'code').map(processName) },
        { in: README, names: firstCells(README, 'process', 'entry').map(processName), others: ['simulated camera'] },
        { in: 'docs/guide/operations.md', names: processTree('docs/guide/operations.md') },
      ],
    },
    {
      what: 'folder',
      from: RUNTIME,
      names: foldersOf(RUNTIME),
      lists: [
        { in: ARCHITECTURE, names: found(tree(), /^ {4}src\/([a-z-]+)\//gm) },
        { in: README, names: found(firstCells(README, 'folder', 'what').join(' '), /`src\/([a-z-]+)`/g) },
      ],
    },
    {
      what: 'service',
      from: `${RUNTIME}/services`,
      names: foldersOf(`${RUNTIME}/services`),
      lists: [
        { in: ARCHITECTURE, names: treeLine('services') },
        { in: README, names: firstCells(README, 'service', 'process').flatMap(namesIn) },
      ],
    },
    {
      what: 'folder of the core',
      from: `${RUNTIME}/core`,
      names: foldersOf(`${RUNTIME}/core`),
      lists: [
        { in: ARCHITECTURE, names: treeLine('core') },
        { in: README, names: firstCells(README, '`core/`', 'what').flatMap(namesIn) },
      ],
    },
    {
      what: 'folder of the node',
      from: `${RUNTIME}/node`,
      names: foldersOf(`${RUNTIME}/node`),
      lists: [{ in: ARCHITECTURE, names: found(treeLine('node').join(' '), /([a-z]+)\//g) }],
    },
    {
      what: 'package',
      from: 'packages',
      names: foldersOf('packages'),
      lists: [{ in: ARCHITECTURE, names: found(tree(), /^ {2}([a-z-]+)\//gm) }],
    },
    {
      what: 'route',
      from: 'packages/contracts/src/api-*.ts',
      names: Object.values(API).map(({ method, path }) => `${method} ${path}`),
      lists: [{ in: 'docs/protocol/http.md', names: codesOf('docs/protocol/http.md', 'route', 'role') }],
    },
    { what: 'key', from: SCHEMA, names: keys, lists: [{ in: CONFIGURATION, names: documentedKeys(keys) }] },
    {
      what: 'key of a camera',
      from: SCHEMA,
      names: cameraKeys,
      lists: [{ in: CONFIGURATION, at: 'unknown key', names: allowedKeys() }],
    },
    {
      what: 'kind of event',
      from: 'packages/contracts/src/events.ts',
      names: EVENT_KINDS,
      lists: [{ in: 'docs/protocol/events.md', names: codesOf('docs/protocol/events.md', '`kind`', 'when') }],
    },
    {
      what: 'command',
      from: `${RUNTIME}/cli/commands.ts`,
      names: Object.keys(COMMANDS),
      lists: [
        { in: COMMAND_LINE, names: commandTable(), others: ['help'] },
        { in: COMMAND_LINE, at: 'headings', names: found(textOf(COMMAND_LINE), /^## ([a-z]+)/gm), open: true },
      ],
    },
    {
      what: 'environment variable',
      from: 'packages/*/src',
      names: environmentVariables(),
      lists: [{ in: CONFIGURATION, names: variablesIn(sectionOf(CONFIGURATION, 'Environment variables')) }],
    },
    {
      what: 'soak test',
      from: 'scripts/soak.mjs',
      names: keysOf('scripts/soak.mjs', 'SOAKS'),
      lists: [
        {
          in: 'docs/reference/soaks.md',
          names: firstCells('docs/reference/soaks.md', 'name', 'in full').flatMap(namesIn),
        },
      ],
    },
    {
      what: 'benchmark',
      from: 'scripts/bench.mjs',
      names: keysOf('scripts/bench.mjs', 'BENCHMARKS'),
      lists: [
        { in: BENCHMARKS, at: 'commands', names: found(benchmarks, /^npm run bench -- ([a-z0-9-]+)/gm) },
        { in: BENCHMARKS, at: 'headings', names: found(benchmarks, /^## `([a-z0-9-]+)`/gm) },
      ],
    },
  ];
}

/** All differences, one sentence each. */
export async function factProblems() {
  await install();
  await build();
  const built = (file) => import(pathToFileURL(join(root, file)).href);
  const { EVENT_KINDS } = await built('packages/contracts/dist/index.js');
  const { API } = await built('packages/contracts/dist/api.js');
  const { COMMANDS } = await built('packages/runtime/dist/cli/commands.js');
  return facts({ API, EVENT_KINDS, COMMANDS }).flatMap((fact) => fact.lists.flatMap((list) => differences(fact, list)));
}

function differences({ what, from, names }, { in: file, at, names: listed, others = [], open = false }) {
  const where = at === undefined ? file : `${file} (${at})`;
  if (listed.length === 0) return [`${where}: the list that names each ${what} of ${from} was not found`];
  const known = new Set([...names, ...others]);
  const missing = names.filter((name) => !listed.includes(name));
  const surplus = open ? [] : [...new Set(listed)].filter((name) => !known.has(name));
  return [
    ...missing.map((name) => `${where} does not name the ${what} “${name}”, which ${from} has`),
    ...surplus.map((name) => `${where} names the ${what} “${name}”, which ${from} does not have`),
  ];
}

function foldersOf(folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function processEntry(folder) {
  return `${RUNTIME}/${folder}/${folder}-process.ts`;
}

/** `ingest process, of a camera that is recorded` is `ingest`. */
function processName(cell) {
  return cell
    .replace(/[,(].*/, '')
    .replace(/ process\s*$/, '')
    .trim();
}

/** The processes in the picture of a running node, a line each. */
function processTree(file) {
  const picture = /```\n(vigia run[\s\S]*?)```/.exec(sectionOf(file, 'Processes'))?.[1] ?? '';
  const others = { 'vigia run': 'supervisor', 'one per worker': 'worker', 'model-container': 'model container' };
  const names = found(picture, /([a-z]+)-process\.js|(vigia run)|(one per worker)|(model-container)/g);
  return names.map((name) => others[name] ?? name);
}

/** The tree of the project in ARCHITECTURE.md. */
function tree() {
  return /```\n([\s\S]*?)```/.exec(sectionOf(ARCHITECTURE, 'The tree and its layers'))?.[1] ?? '';
}

/** The words behind a folder of the runtime in that tree; words in brackets are details. */
function treeLine(folder) {
  const line = new RegExp(`^ {4}src/${folder}/(.*)$`, 'm').exec(tree())?.[1] ?? '';
  return found(line.replaceAll(/\([^)]*\)/g, ''), /(\S+)/g);
}

function codesOf(file, first, second) {
  return firstCells(file, first, second).flatMap(codes);
}

/** `rules test` is the command `rules`; options are none. */
function commandTable() {
  return codesOf(COMMAND_LINE, 'command', 'purpose').flatMap((code) => found(code, /^([a-z]+)/g));
}

/** `cameras.*.consumers.*.fps`: the path of each key. `*` stands for an id, `[]` for an entry of a list. */
function keysOfSchema(node, path = '') {
  const parts = [
    ...Object.entries(node.properties ?? {}).map(([key, part]) => [part, `${path}${key}.`, `${path}${key}`]),
    [node.additionalProperties, `${path}*.`],
    [node.items, `${path}[].`],
    ...['anyOf', 'oneOf', 'allOf'].flatMap((kind) => node[kind] ?? []).map((part) => [part, path]),
  ];
  const keys = parts.flatMap(([part, below, key]) =>
    [key, part instanceof Object ? keysOfSchema(part, below) : []].flat().filter((one) => one !== undefined),
  );
  return [...new Set(keys)];
}

/** The keys in the tables of configuration.md. A map without a table of its own has its keys in its row. */
function documentedKeys(keys) {
  return Object.entries(CONFIG_SECTIONS).flatMap(([heading, path]) =>
    tablesIn(sectionOf(CONFIGURATION, heading)).flatMap(({ header, rows }) =>
      rows.flatMap(([cell, ...others]) =>
        mapsOf(header[0]).flatMap((map) =>
          codes(cell).flatMap((name) => withKeysOfRow(`${path}${map}${name}`, others.join(' '), keys)),
        ),
      ),
    ),
  );
}

/** Which maps a table is about, by the first cell of its header. */
function mapsOf(header) {
  if (header === 'key') return [''];
  if (header === 'key of a class') return ['critical.', 'high.', 'normal.', 'best-effort.'];
  return found(header, /^`([a-z]+)` key$/g).map((map) => `${map}.`);
}

function withKeysOfRow(key, row, keys) {
  const words = new Set(codes(row).flatMap((code) => code.split(/[^a-z_]+/)));
  const isBelow = (one) => one.startsWith(`${key}.`) && words.has(one.slice(key.length).replace(/^\.(?:\[\]\.)?/, ''));
  return [key, ...keys.filter(isBelow)];
}

/** Those that the example of an error sentence lists. */
function allowedKeys() {
  return found(sectionOf(CONFIGURATION, 'Error sentences'), /sorce: .*allowed are ([a-z_, ]+)`/g).flatMap((list) =>
    list.split(', '),
  );
}

function environmentVariables() {
  const files = projectFiles('.ts').filter((file) => /^packages\/[^/]+\/src\//.test(file));
  const code = files.filter((file) => !file.endsWith('.test.ts')).map(textOf);
  return [...new Set(code.flatMap(variablesIn))].filter((name) => !NO_VARIABLES.has(name));
}

function variablesIn(text) {
  return found(text, /\b(VIGIA_[A-Z_]*[A-Z])\b/g);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = await factProblems();
  for (const line of lines) process.stdout.write(`${line}\n`);
  process.exitCode = lines.length === 0 ? 0 : 1;
}

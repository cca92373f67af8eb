// `npm run bench -- start`: what starting a process or a command costs, as modules and as bundles (docs/reference/benchmarks.md).
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '@vigia/base';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { quantile } from './support/numbers.ts';
import { VIGIA } from './support/paths.ts';
import { BUNDLES, currentBundle } from './support/runtime-internals.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

const MODES = ['modules', 'bundle'] as const;
type Mode = (typeof MODES)[number];

/** Prints what the process used, when it ends. */
const PROBE = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeSync(2, '\\nused ' + (user + system) / 1000 + ' ' + process.memoryUsage.rss() / 2 ** 20 + '\\n');
});`;

/** Module → bundle. */
const PROCESSES: Readonly<Record<string, readonly [string, string]>> = {
  supervisor: ['@vigia/runtime/dist/cli/run.js', 'command/run.js'],
  camera: ['@vigia/runtime/dist/camera/camera-process.js', 'camera/camera-process.js'],
  ingest: ['@vigia/runtime/dist/ingest/ingest-process.js', 'ingest/ingest-process.js'],
  footage: ['@vigia/runtime/dist/footage/footage-process.js', 'footage/footage-process.js'],
  api: ['@vigia/runtime/dist/api/api-process.js', 'api/api-process.js'],
  live: ['@vigia/runtime/dist/live/live-process.js', 'live/live-process.js'],
  'model container': ['@vigia/model-container/dist/main.js', 'model-container/main.js'],
};

/** Each ends at once: there is no node, and no such file. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'vigia --help': ['--help'],
  'vigia status': ['status'],
  'vigia check': ['check', '-c', '/none/vigia.yml'],
};

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly markdown: boolean;
}

interface Used {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string' }, markdown: { type: 'boolean' } } });
  const rounds = Number(values.rounds ?? 9);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new Error(`--rounds: found "${values.rounds}", allowed are 1 to 100`);
  return { seconds: 0, rounds, markdown: values.markdown === true };
}

/** Runs Node until it ends. The exit code does not matter: without a node or a file most commands fail. */
function used(args: readonly string[], env: NodeJS.ProcessEnv, { signal }: BenchRun): Promise<Used> {
  return new Promise((resolve, reject) => {
    const fromMs = systemClock.nowMs();
    execFile(process.execPath, args, { env, signal }, (_, __, stderr) => {
      const wallMs = systemClock.nowMs() - fromMs;
      const [, cpuMs, rssMb] = /^used (\S+) (\S+)$/m.exec(stderr) ?? [];
      if (cpuMs === undefined) reject(new Error(`${args.join(' ')} reported nothing: ${stderr}`));
      else resolve({ wallMs, cpuMs: Number(cpuMs), rssMb: Number(rssMb) });
    });
  });
}

/** What to run in each mode, by name. */
function variants(dir: string, bundles: string): ReadonlyMap<string, (mode: Mode) => readonly string[]> {
  const probe = join(dir, 'probe.cjs');
  writeFileSync(probe, PROBE);
  const load = (url: string): string[] => [
    '-r',
    probe,
    '--input-type=module',
    '-e',
    `await import(${JSON.stringify(url)}); process.exit();`,
  ];
  return new Map<string, (mode: Mode) => readonly string[]>([
    ['Node alone', () => ['-r', probe, '-e', '0']],
    ...Object.entries(PROCESSES).map(
      ([name, [module, bundle]]) =>
        [
          name,
          (mode: Mode) =>
            load(mode === 'bundle' ? pathToFileURL(join(bundles, bundle)).href : import.meta.resolve(module)),
        ] as const,
    ),
    ...Object.entries(COMMANDS).map(([name, args]) => [name, () => ['-r', probe, VIGIA, ...args]] as const),
  ]);
}

async function measure(run: BenchRun, rounds: number, bundles: string): Promise<Table> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-start-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const all = variants(dir, bundles);
  const took = new Map([...all.keys()].map((name) => [name, { modules: [] as Used[], bundle: [] as Used[] }]));
  for (let round = 0; round < rounds; round += 1) {
    run.progress(`round ${round + 1} of ${rounds}`);
    for (const [name, args] of all)
      for (const mode of MODES) {
        const env = { ...process.env, VIGIA_RUN_DIR: join(dir, 'none'), VIGIA_BUNDLE: mode === 'bundle' ? '' : 'off' };
        took.get(name)?.[mode].push(await used(args(mode), env, run));
      }
  }
  const median = (values: readonly Used[], key: keyof Used): string =>
    quantile(
      values.map((value) => value[key]),
      0.5,
    ).toFixed(0);
  return {
    title: `Starts as modules → as a bundle; medians of ${rounds}`,
    columns: ['', 'CPU, ms', 'wall, ms', 'RSS, MB'],
    rows: [...took].map(([name, { modules, bundle }]) => {
      const cell = (key: keyof Used): string => `${median(modules, key)} → ${median(bundle, key)}`;
      return [name, cell('cpuMs'), cell('wallMs'), cell('rssMb')];
    }),
    notes: ['processes: until their code is loaded; commands: until they end, with nothing to do'],
  };
}

process.exitCode = await runBenchmark('start', readOptions, async (run, { rounds, markdown }) => {
  const bundles = currentBundle(BUNDLES);
  if (bundles === undefined) throw new Error('the bundles are not of the present build: npm run build');
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  print(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  const table = await measure(run, rounds, bundles);
  print(markdown ? asMarkdown(table) : asText(table));
  return true;
});

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, quoted, UsageError, VigiaError } from '@vigia/base';
import type { DescribeResponse } from '@vigia/contracts';
import { frameOf, type ModelManifest, type ModelStatus, ModelStore } from '@vigia/model-container';
import { modelSocketsIn, runBaseDir } from '#core/node-dirs';
import { counted, fit, formatBytes } from '#core/terminal';
import { addCommand } from './models-add.ts';
import { ADD_OPTIONS } from './models-options.ts';
import { describeContainer, pullModel } from '#node/plan';

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Verb {
  /** The options that it accepts. */
  readonly options: readonly string[];
  /** Its argument. */
  readonly word: 'an id' | 'a source' | 'nothing';
  /** A long-running command that observes `signal`. Signals end all other commands directly. */
  readonly stoppable?: true;
  run(call: Call): Promise<number>;
}

interface Call {
  readonly values: Values;
  readonly word: string;
  readonly store: ModelStore;
  readonly signal: AbortSignal;
}

const VERBS: Readonly<Record<string, Verb>> = {
  list: { options: [], word: 'nothing', run: ({ store }) => list(store) },
  show: { options: [], word: 'an id', run: ({ store, word }) => show(store, word) },
  add: {
    options: Object.keys(ADD_OPTIONS),
    word: 'a source',
    stoppable: true,
    run: ({ values, word, store, signal }) => addCommand(values, word, store, signal),
  },
  pull: { options: ['accept-licence'], word: 'an id', stoppable: true, run: pull },
  verify: { options: [], word: 'an id', run: ({ store, word }) => verify(store, word) },
  remove: { options: [], word: 'an id', run: ({ store, word }) => remove(store, word) },
};

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** `vigia models`. */
export async function modelsCommand(values: Values, [name = '', word]: readonly string[]): Promise<number> {
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb) throw new UsageError(`vigia models: found "${name}", allowed are ${Object.keys(VERBS).join(', ')}`);
  const wrong = Object.keys(values).find((option) => values[option] !== undefined && !verb.options.includes(option));
  if (wrong !== undefined) {
    const allowed =
      verb.options.length > 0 ? `its options are ${verb.options.map((o) => `--${o}`).join(', ')}` : 'it has no options';
    throw new UsageError(`vigia models ${name}: --${wrong} is not for it; ${allowed}`);
  }
  if (verb.word === 'nothing' && word !== undefined)
    throw new UsageError(`vigia models ${name}: found "${word}", nothing is expected there`);
  if (verb.word !== 'nothing' && word === undefined) throw new UsageError(missing(name, verb.word));
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new VigiaError('aborted', `vigia models ${name} was stopped`));
  if (verb.stoppable) for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  try {
    return await verb.run({ values, word: word ?? '', store: new ModelStore(), signal: abort.signal });
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
}

function missing(verb: string, word: string): string {
  return word === 'a source'
    ? `vigia models ${verb}: the source is missing: a FILE.onnx, npm:NAME@VERSION, or an address http://HOST:PORT/v2/models/NAME`
    : `vigia models ${verb}: the id of a model is missing; \`vigia models list\` shows them`;
}

function row(...cells: readonly (readonly [text: string, width: number])[]): void {
  process.stdout.write(
    `${cells.map(([text, width]) => (width > 0 ? fit(quoted(text), width - 1).concat(' ') : quoted(text))).join('')}\n`,
  );
}

async function list(store: ModelStore): Promise<number> {
  row(['ID', 26], ['VERSION', 14], ['TASK', 14], ['LICENCE', 14], ['FROM', 11], ['MS', 8], ['HERE', 0]);
  for (const m of await store.list()) {
    const ms = m.speed?.ms_per_picture['1']?.toFixed(1) ?? '–';
    row([m.id, 26], [m.version, 14], [m.task, 14], [m.licence, 14], [m.origin, 11], [ms, 8], [whetherHere(m), 0]);
  }
  const running = await runningContainers();
  if (running.length === 0) return 0;
  process.stdout.write('\n');
  row(['RUNNING', 26], ['VERSION', 14], ['TASK', 14], ['PICTURES', 25], ['BY', 10], ['SOCKET', 0]);
  for (const { path, found } of running) {
    const { model_id, model_version, task, input, providers } = found;
    const pictures = `${input.width}x${input.height} ${input.fit}`;
    row([model_id, 26], [model_version, 14], [task, 14], [pictures, 25], [providers.join(), 10], [path, 0]);
  }
  return 0;
}

function whetherHere({ present, origin, title, downloadBytes }: ModelStatus): string {
  if (present) return 'yes';
  return origin === 'added' ? `no: ${title}` : `no, ${formatBytes(downloadBytes)} to fetch`;
}

interface RunningContainer {
  readonly path: string;
  readonly found: DescribeResponse;
}

/** All containers of this user's nodes that describe themselves, external ones included. Other sockets are skipped. */
async function runningContainers(): Promise<RunningContainer[]> {
  const paths = runDirs().flatMap(modelSocketsIn);
  const answers = await Promise.all(
    paths.map(async (path) => {
      const answer = await describeContainer(path);
      return 'value' in answer ? [{ path, found: answer.value }] : [];
    }),
  );
  return answers.flat();
}

function runDirs(): string[] {
  const own = process.env['VIGIA_RUN_DIR'];
  if (own) return [own];
  const base = runBaseDir();
  try {
    return readdirSync(base, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(base, entry.name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new VigiaError('run_dir', `${base} cannot be read: ${messageOf(error)}`, { path: base, cause: error });
  }
}

async function show(store: ModelStore, id: string): Promise<number> {
  const status = (await store.list()).find((model) => model.id === id);
  // A known model is shown even if it is absent; an unknown one is an error.
  if (!status?.present) {
    if (status?.origin !== 'catalogue') await store.resolve(id);
    process.stdout.write(`${id} ${status?.version ?? ''}: ${status?.title ?? ''}\nlicence: ${status?.licence ?? ''}\n`);
    process.stdout.write(
      `not on this machine; \`vigia models pull ${id}\` fetches ${formatBytes(status?.downloadBytes ?? 0)}\n`,
    );
    return 0;
  }
  const { manifest, dir } = await store.resolve(id);
  for (const line of describeModel(manifest, status)) process.stdout.write(`${quoted(line, 1_000)}\n`);
  process.stdout.write(`folder: ${dir}\n`);
  return 0;
}

function describeModel(manifest: ModelManifest, { origin, title }: ModelStatus): string[] {
  const { id, version, task, classes, input, decoder, licence, source, remote, golden, speed, memory_mib } = manifest;
  const names = classes.filter((name) => name !== '');
  const frame = frameOf(manifest);
  const shown = names.slice(0, 8).join(', ') + (names.length > 8 ? ', …' : '');
  return [
    `${id} ${version}${origin === 'catalogue' ? `: ${title}` : ', added on this machine'}`,
    `source: ${source}${remote ? `, computed at ${remote.url}` : ''}`,
    `licence: ${licence}`,
    `task: ${task}; ${names.length} ${names.length === 1 ? 'class' : 'classes'}: ${shown}`,
    `pictures: ${frame.width}x${frame.height}, ${frame.fit}`,
    `input: ${input.name} ${input.type ?? 'uint8'} ${input.layout ?? 'NHWC'} ${input.width}x${input.height}, ${input.order ?? 'RGB'}, mean ${(input.mean ?? [0]).join(',')}, scale ${(input.scale ?? [1]).join(',')}, up to ${input.max_batch ?? 1} at a time`,
    `decoder: ${Object.entries(decoder)
      .map(([key, value]) => (key === 'kind' ? String(value) : `${key} ${String(value)}`))
      .join(', ')}`,
    `golden picture: ${golden ? counted(golden.detections.length, 'detection') : 'none'}`,
    `speed: ${speed ? speedText(speed) : 'not measured on this machine'}`,
    `memory: ${memory_mib === undefined ? 'not measured' : `${memory_mib} MiB`}`,
  ];
}

function speedText({ ms_per_picture, p99_ms, threads, provider }: NonNullable<ModelManifest['speed']>): string {
  const speeds = Object.entries(ms_per_picture).map(([size, ms]) => `${ms.toFixed(1)} ms at ${size}`);
  return `per picture ${speeds.join(', ')} (p99 ${p99_ms.toFixed(1)} ms), ${counted(threads, 'thread')}, ${provider}`;
}

async function pull({ values, word, store, signal }: Call): Promise<number> {
  const accepted = values['accept-licence'];
  await pullModel(store, word, signal, typeof accepted === 'string' ? accepted : undefined);
  return 0;
}

async function verify(store: ModelStore, id: string): Promise<number> {
  process.stderr.write(`checking ${id}\n`);
  const seen = await store.verify(id);
  process.stdout.write(
    `${id} ${seen.version}: hash right, golden picture right (${seen.goldenDetections ?? 0} objects, ${seen.inferenceMs.toFixed(1)} ms)\n`,
  );
  return 0;
}

async function remove(store: ModelStore, id: string): Promise<number> {
  await store.remove(id);
  process.stdout.write(`model ${id} is removed\n`);
  return 0;
}

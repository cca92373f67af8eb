import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf, UsageError, VigiaError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { ModelStore } from '@vigia/model-container';
import { loadConfig } from '#node/config';
import { controlSocketPath, runBaseDir, runDirOf } from '#core/node-dirs';
import { formatBytes } from '#core/terminal';
import { askNode } from '#services/control-plane';
import { runDemo } from './demo.ts';
import { admit, budgetOf, describeBudget, roomFor } from '#node/plan';
import { checkModels, locateModels } from '#node/plan';
import { type RunOptions, runNode } from './run.ts';
import { describePlan, planOf } from '#node/plan';
import { describeChange, type PlanChangeSummary } from '#node/plan';

type Values = Readonly<Record<string, string | boolean | undefined>>;

const SNAPSHOT_MS = 10_000;
const HEALTH_MS = 2_000;
const DIFF_MS = 5_000;
/** A model may have to be fetched. */
const RELOAD_MS = 600_000;
/** A worker may take an hour to start. */
const RESTART_MS = 3_610_000;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `vigia run`. */
export async function runCommand(values: Values): Promise<number> {
  const options = runOptions(values);
  const file = configFile(values, 'run');
  return runNode(loadConfig(file), { ...options, configFile: file });
}

/** `vigia demo`. */
export async function demoCommand(values: Values): Promise<number> {
  return runDemo({
    ...runOptions(values),
    clip: text(values, 'clip'),
    mqttPort: port(values, 'mqtt-port'),
    rtspPort: port(values, 'rtsp-port'),
  });
}

/** `vigia check`. */
export async function checkCommand(values: Values): Promise<number> {
  const file = configFile(values, 'check');
  const config = loadConfig(file);
  if (values['diff'] === true) return showDifference(file, text(values, 'node') ?? config.node);
  const store = new ModelStore();
  await checkModels(config, store);
  const absent = (await store.list()).filter(
    (m) => !m.present && Object.values(config.models).some((c) => c.use === m.id),
  );
  for (const model of absent)
    process.stdout.write(
      `model ${model.id} is not on this machine yet: ${formatBytes(model.downloadBytes)} to fetch\n`,
    );
  if (absent.length > 0) {
    process.stdout.write(`${file}: the configuration is valid; pull the models to see memory and processes\n`);
    return 0;
  }
  const runDir = runDirOf(config.node);
  const plan = planOf(config, runDir, await locateModels(config, { pull: undefined, runDir }));
  const budget = budgetOf(plan);
  // Not those of a node of this name that runs: this asks what may run beside it.
  const room = roomFor([process.pid]);
  for (const line of [...describePlan(plan), ...describeBudget(budget, room)]) process.stdout.write(`${line}\n`);
  admit(plan, budget, room);
  process.stdout.write(`${file}: fine\n`);
  return 0;
}

/** What this file would change on the running node, which reads it as it would on a reload. */
async function showDifference(file: string, node: string): Promise<number> {
  const path = `/api/v1/config?dry_run=1&file=${encodeURIComponent(file)}`;
  const yaml = readFileSync(file, 'utf8');
  const answer = await askNode(controlSocketPath(runDirOf(node)), path, DIFF_MS, { method: 'PUT', yaml });
  const { revision, changes } = JSON.parse(answer.toString('utf8')) as { revision: number; changes: string[] };
  const head =
    changes.length === 0
      ? `node ${node}, revision ${revision}: ${file} changes nothing`
      : `node ${node}, revision ${revision}: ${file} would change`;
  for (const line of [head, ...changes.map((change) => `  ${change}`)]) process.stdout.write(`${line}\n`);
  return 0;
}

/** `vigia snapshot`. */
export async function snapshotCommand(values: Values, [camera = '', file = '']: readonly string[]): Promise<number> {
  if (!ID_PATTERN.test(camera)) throw new UsageError(`vigia snapshot: "${camera}" is no camera id`);
  const path = `/api/v1/cameras/${camera}/snapshot.jpg?annotated=${values['bare'] ? 0 : 1}`;
  const jpeg = await askNode(controlSocketPath(runDirOf(nodeOf(values, 'snapshot'))), path, SNAPSHOT_MS);
  try {
    writeFileSync(file, jpeg);
  } catch (error) {
    throw new VigiaError('snapshot', `${file}: cannot be written (${codeOf(error)})`, { path: file, cause: error });
  }
  process.stdout.write(`${file}: ${formatBytes(jpeg.byteLength)}\n`);
  return 0;
}

/** `vigia reload`. */
export async function reloadCommand(values: Values): Promise<number> {
  const socket = controlSocketPath(runDirOf(nodeOf(values, 'reload')));
  const answer = await askNode(socket, '/api/v1/reload', RELOAD_MS, { method: 'POST' });
  process.stdout.write(`${describeChange(JSON.parse(answer.toString('utf8')) as PlanChangeSummary)}\n`);
  return 0;
}

/** `vigia restart`. */
export async function restartCommand(values: Values, [what = '']: readonly string[]): Promise<number> {
  const [camera = '', consumer, ...more] = what.split('/');
  if (more.length > 0 || ![camera, consumer ?? camera].every((id) => ID_PATTERN.test(id)))
    throw new UsageError(`vigia restart: "${what}" is neither a camera nor a camera/consumer`);
  const path = `/api/v1/cameras/${camera}${consumer === undefined ? '' : `/consumers/${consumer}`}/restart`;
  await askNode(controlSocketPath(runDirOf(nodeOf(values, 'restart'))), path, RESTART_MS, { method: 'POST' });
  process.stdout.write(consumer === undefined ? `${what}: has a new process\n` : `${what}: ready\n`);
  return 0;
}

/** `vigia health`: for people, and for whatever watches the node from outside. */
export async function healthCommand(values: Values): Promise<number> {
  await askNode(controlSocketPath(runDirOf(nodeOf(values, 'health'))), '/healthz', HEALTH_MS);
  process.stdout.write('ok\n');
  return 0;
}

/** Which node a command is for. */
function nodeOf(values: Values, command: string): string {
  const node = text(values, 'node');
  if (node !== undefined) return node;
  return values['config'] === undefined ? onlyNode() : loadConfig(configFile(values, command)).node;
}

/** The name of the only node of this user that runs. */
function onlyNode(): string {
  if (process.env['VIGIA_RUN_DIR']) return 'vigia';
  const base = runBaseDir();
  const running = existsSync(base)
    ? readdirSync(base).filter((name) => existsSync(controlSocketPath(runDirOf(name))))
    : [];
  const [only] = running;
  if (running.length === 1 && only !== undefined) return only;
  if (running.length === 0)
    throw new VigiaError('not_running', 'no node runs; start one with `vigia demo` or `vigia run`');
  throw new UsageError(`several nodes run (${running.join(', ')}): say which with --node`);
}

function runOptions(values: Values): RunOptions {
  const time = text(values, 'for');
  return {
    forMs: time === undefined ? undefined : duration(time),
    reportFile: writable(text(values, 'report')),
    json: values['json'] === true,
  };
}

/** A report that cannot be written is told before the run, not after it. */
function writable(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    accessSync(existsSync(file) ? file : dirname(resolve(file)), constants.W_OK);
    return file;
  } catch (error) {
    throw new UsageError(
      `--report: ${file} cannot be written (${codeOf(error)}); give a file in a folder that is there`,
      { cause: error },
    );
  }
}

function duration(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
  const ms = match ? Number(match[1]) * (UNITS[match[2] as string] as number) : 0;
  if (ms <= 0 || ms > 2 ** 31 - 1)
    throw new UsageError(`--for: found "${value}", allowed is a number with ms, s, m or h, such as 30s, up to 24 days`);
  return ms;
}

function configFile(values: Values, command: string): string {
  const file = text(values, 'config');
  if (file === undefined)
    throw new UsageError(
      `vigia ${command}: the configuration file is missing; give it with -c FILE (vigia --help shows a first one)`,
    );
  return file;
}

function port(values: Values, name: string): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new UsageError(`--${name}: found "${value}", allowed is a port, 0 to 65535`);
  return number;
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

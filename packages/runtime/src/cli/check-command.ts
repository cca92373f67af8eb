import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf, messageOf, printable, UsageError, VigiaError } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { ModelStore, tryProvider } from '@vigia/model-container';
import { runDirOf } from '#core/node-dirs';
import { formatBytes } from '#core/terminal';
import { loadConfig } from '#node/config';
import { admit, budgetOf, checkModels, describeBudget, describePlan, locateModels, planOf, roomFor } from '#node/plan';
import { API } from '@vigia/contracts/api';
import { askJson } from './node-answers.ts';
import { configFile, text, type Values } from './options.ts';
import { socketOfNode } from './which-node.ts';

const DIFF_MS = 5_000;

/** `vigia check`. */
export async function checkCommand(values: Values): Promise<number> {
  const file = configFile(values, 'check');
  const config = loadConfig(file);
  if (values['diff'] === true) return showDifference(file, text(values, 'node') ?? config.node);
  const store = new ModelStore();
  await checkModels(config, store);
  await checkProviders(config);
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
  // The memory that a running node of this name holds is not added: the plan must fit beside it.
  const room = roomFor([process.pid]);
  for (const line of [...describePlan(plan), ...describeBudget(budget, room)]) process.stdout.write(`${line}\n`);
  admit(plan, budget, room);
  if (plan.recording.ingests.length > 0) for (const { path } of plan.recording.dirs) checkWritable(path);
  process.stdout.write(`${file}: fine\n`);
  return 0;
}

/** @throws VigiaError when recordings cannot be written there, or the folder cannot be made. */
function checkWritable(path: string): void {
  let there = resolve(path);
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  // Below /proc and /sys even root makes no file; permissions do not show it.
  if (statfsSync(there).blocks === 0)
    throw new VigiaError(
      'storage',
      `recordings: ${there} is on no disk, so nothing would be recorded in ${path}; name another folder in storage.path`,
    );
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const user = process.getuid?.() ?? '';
    const message = `recordings: user ${user} cannot write ${there} (${codeOf(cause)}), so nothing would be recorded in ${path}`;
    throw new VigiaError('storage', `${message}; give it the folder, or name another one in storage.path`, { cause });
  }
}

/** @throws UsageError for a provider that does not start on this machine. */
async function checkProviders({ models }: Config): Promise<void> {
  for (const [id, { use, provider }] of Object.entries(models)) {
    if (use === undefined) continue;
    await tryProvider(provider).catch((error: unknown) => {
      throw codeOf(error) === 'provider' ? new UsageError(`models.${id}.provider: ${messageOf(error)}`) : error;
    });
  }
}

/** Shows what the file would change on the running node, merged as on a reload. */
async function showDifference(file: string, node: string): Promise<number> {
  const path = `/api/v1/config?dry_run=1&file=${encodeURIComponent(file)}`;
  const yaml = readFileSync(file, 'utf8');
  const socket = socketOfNode(node);
  const { revision, changes } = await askJson(API.putConfig.answer, socket, path, DIFF_MS, { method: 'PUT', yaml });
  const head =
    changes.length === 0
      ? `node ${node}, revision ${revision}: ${file} changes nothing`
      : `node ${node}, revision ${revision}: ${file} would change`;
  const { beside_file: beside } = await askJson(API.config.answer, socket, '/api/v1/config', DIFF_MS);
  const runtime =
    beside.length === 0
      ? []
      : ['changed at runtime, and not in the file as the node last read it:', ...indented(beside)];
  for (const line of [head, ...indented(changes), ...runtime]) process.stdout.write(`${line}\n`);
  return 0;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${printable(line)}`);
}

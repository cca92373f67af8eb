import { existsSync, readdirSync } from 'node:fs';
import { codeOf, UsageError, VigiaError } from '@vigia/base';
import { controlSocketPath, runBaseDir, runDirOf } from '#core/node-dirs';
import { configFile, text, type Values } from './options.ts';

/** The control socket of the node that a command addresses. @throws like {@link nodeOf}. */
export async function socketOf(values: Values, command: string): Promise<string> {
  return controlSocketPath(runDirOf(await nodeOf(values, command)));
}

/** The node that a command addresses, which need not run: without `--node` and `-c` also that of `vigia.yml`. */
export async function nodeNamed(values: Values, command: string): Promise<string> {
  try {
    return await nodeOf(values, command);
  } catch (error) {
    if (codeOf(error) !== 'not_running') throw error;
    const { loadConfig } = await import('#node/config');
    return loadConfig(configFile(values, command)).node;
  }
}

/** The node that a command addresses. */
async function nodeOf(values: Values, command: string): Promise<string> {
  const node = text(values, 'node');
  if (node !== undefined) return node;
  if (values['config'] === undefined) return onlyNode();
  const { loadConfig } = await import('#node/config');
  return loadConfig(configFile(values, command)).node;
}

/** The name of this user's only running node. */
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

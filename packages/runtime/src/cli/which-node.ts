import { existsSync, readdirSync } from 'node:fs';
import { codeOf, UsageError, VigiaError } from '@vigia/base';
import { believedControlSocket, checkTrusted, controlSocketPath, nodeIn, runBaseDir, runDirOf } from '#core/node-dirs';
import { configFile, text, type Values } from './options.ts';

/** The control socket of the node that a command addresses. @throws like {@link nodeOf}. */
export async function socketOf(values: Values, command: string): Promise<string> {
  return socketOfNode(await nodeOf(values, command));
}

/** The control socket of a node. @throws UsageError when VIGIA_RUN_DIR belongs to another node; VigiaError `run_dir`. */
export function socketOfNode(node: string): string {
  const runDir = runDirOf(node);
  const socket = believedControlSocket(runDir);
  const there = nodeIn(runDir);
  if (there !== undefined && there !== node)
    throw new UsageError(`VIGIA_RUN_DIR is ${runDir}, the folder of node ${there}: unset it to reach node ${node}`);
  return socket;
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
  const named = process.env['VIGIA_RUN_DIR'];
  if (named) {
    believedControlSocket(named);
    return nodeIn(named) ?? 'vigia';
  }
  const base = runBaseDir();
  checkTrusted(base);
  const running = existsSync(base)
    ? readdirSync(base).filter((name) => existsSync(controlSocketPath(runDirOf(name))))
    : [];
  const [only] = running;
  if (running.length === 1 && only !== undefined) return only;
  if (running.length === 0)
    throw new VigiaError('not_running', 'no node runs; start one with `vigia demo` or `vigia run`');
  throw new UsageError(`several nodes run (${running.join(', ')}): say which with --node`);
}

import { loadConfig } from '#node/config';
import { configFile, runOptions, type Values } from './options.ts';

/** `vigia run`. */
export async function runCommand(values: Values): Promise<number> {
  const options = runOptions(values);
  const file = configFile(values, 'run');
  const config = loadConfig(file);
  // A configuration that is wrong is refused before the node and its libraries are loaded.
  const { runNode } = await import('./run.ts');
  return runNode(config, { ...options, configFile: file });
}

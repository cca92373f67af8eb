import { readConfigFile } from '#node/config';
import { configFile, runOptions, type Values } from './options.ts';

/** `vigia run`. */
export async function runCommand(values: Values): Promise<number> {
  const options = runOptions(values);
  const file = configFile(values, 'run');
  const read = readConfigFile(file);
  // Refuses an invalid configuration before loading the node and its libraries.
  const { runNode } = await import('./run.ts');
  return runNode(read, { ...options, configFile: file });
}

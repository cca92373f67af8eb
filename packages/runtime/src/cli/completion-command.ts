import { UsageError } from '@vigia/base';
import type { Commands } from './command.ts';
import { bashScript, fishScript, type Script, zshScript } from './completion-scripts.ts';

const SCRIPTS: Readonly<Record<string, Script>> = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `vigia completion`. */
export function completionCommand([shell = '']: readonly string[], commands: Commands): number {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (!script)
    throw new UsageError(`vigia completion: found "${shell}", allowed are ${Object.keys(SCRIPTS).join(', ')}`);
  process.stdout.write(script(commands));
  return 0;
}

import { parseArgs } from 'node:util';
import { quoted, UsageError } from '@vigia/base';
import { nearest } from '#core/terminal';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { helpFor } from './help.ts';
import type { Values } from './options.ts';
import { version } from './version.ts';

/**
 * Runs a command line (without `node` and the script).
 *
 * @returns the exit code.
 * @throws UsageError for a bad command line or configuration, VigiaError for a failure at runtime.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(helpFor(name === 'help' ? rest[0] : undefined, COMMANDS));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(unknownText(name));
  const { values, positionals } = parse(name, command, rest);
  if (values['help']) {
    process.stdout.write(helpFor(name, COMMANDS));
    return 0;
  }
  const [least, most] = command.words;
  if (positionals.length < least || positionals.length > most)
    throw new UsageError(
      `vigia ${name}: ${wordsText(command, positionals)}${fileHint(command, positionals)} (vigia ${name} --help)`,
    );
  return command.run(values, positionals);
}

function unknownText(name: string): string {
  const names = Object.keys(COMMANDS);
  const near = nearest(name, names);
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
  return `there is no command "${quoted(name, 40)}"; ${hint} (vigia --help)`;
}

/** Others name the configuration without an option. */
function fileHint({ options }: Command, [word]: readonly string[]): string {
  return word !== undefined && 'config' in options && /\.ya?ml$/i.test(word)
    ? `; a configuration is given with -c ${quoted(word, 80)}`
    : '';
}

function parse(name: string, command: Command, args: string[]): { values: Values; positionals: string[] } {
  try {
    const options = { ...command.options, help: { type: 'boolean' as const, short: 'h' } };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
    return { values, positionals };
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    const known = Object.keys(command.options).map((o) => `--${o}`);
    throw new UsageError(`vigia ${name}: ${text}; options are ${[...known, '--help'].join(', ')}`, { cause: error });
  }
}

/** What is missing, or too much. @param example Names the arguments: `snapshot CAMERA out.jpg`. */
function wordsText({ example, words: [least, most] }: Command, found: readonly string[]): string {
  if (found.length > most) return `"${quoted(found[most] ?? '', 40)}" is one argument too many`;
  const names = example.split(' ').slice(1);
  const wanted = names.filter((word) => /^[\w.]/.test(word) && word !== '…').slice(0, least);
  const missing = wanted.slice(found.length);
  return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing: vigia ${example}`;
}

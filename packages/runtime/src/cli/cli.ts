import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError } from '@vigia/base';
import { HELP, helpFor } from './help.ts';
import { MODELS_OPTIONS } from './models-options.ts';
import type { Values } from './options.ts';
import { version } from './version.ts';

/** A command. It loads its modules when it runs, so that short commands need not load the node. */
interface Command {
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many arguments the command takes besides its options. */
  readonly words: readonly [least: number, most: number];
  run(values: Values, words: readonly string[]): Promise<number>;
}

const RUN_OPTIONS = { for: { type: 'string' }, report: { type: 'string' }, json: { type: 'boolean' } } as const;

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    options: { config: { type: 'string', short: 'c' }, ...RUN_OPTIONS },
    words: [0, 0],
    run: async (values) => (await import('./run-command.ts')).runCommand(values),
  },
  demo: {
    options: {
      clip: { type: 'string' },
      'mqtt-port': { type: 'string' },
      'http-port': { type: 'string' },
      'rtsp-port': { type: 'string' },
      ...RUN_OPTIONS,
    },
    words: [0, 0],
    run: async (values) => (await import('./demo-command.ts')).demoCommand(values),
  },
  check: {
    options: { config: { type: 'string', short: 'c' }, diff: { type: 'boolean' }, node: { type: 'string' } },
    words: [0, 0],
    run: async (values) => (await import('./check-command.ts')).checkCommand(values),
  },
  reload: {
    options: { node: { type: 'string' }, config: { type: 'string', short: 'c' } },
    words: [0, 0],
    run: async (values) => (await import('./node-commands.ts')).reloadCommand(values),
  },
  restart: {
    options: { node: { type: 'string' }, config: { type: 'string', short: 'c' } },
    words: [1, 1],
    run: async (values, words) => (await import('./node-commands.ts')).restartCommand(values, words),
  },
  health: {
    options: { node: { type: 'string' }, config: { type: 'string', short: 'c' } },
    words: [0, 0],
    run: async (values) => (await import('./node-commands.ts')).healthCommand(values),
  },
  events: {
    options: {
      node: { type: 'string' },
      config: { type: 'string', short: 'c' },
      after: { type: 'string' },
      camera: { type: 'string' },
      kind: { type: 'string' },
      severity: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      limit: { type: 'string' },
      follow: { type: 'boolean' },
      json: { type: 'boolean' },
    },
    words: [0, 0],
    run: async (values) => (await import('./node-commands.ts')).eventsCommand(values),
  },
  models: {
    options: MODELS_OPTIONS,
    words: [1, 2],
    run: async (values, words) => (await import('./models-command.ts')).modelsCommand(values, words),
  },
  snapshot: {
    options: { node: { type: 'string' }, config: { type: 'string', short: 'c' }, bare: { type: 'boolean' } },
    words: [2, 2],
    run: async (values, words) => (await import('./node-commands.ts')).snapshotCommand(values, words),
  },
};

/**
 * Runs a command line (without `node` and the script).
 *
 * @returns the exit code.
 * @throws UsageError for a bad command line or configuration, VigiaError for a failure at runtime.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(name === 'help' && rest[0] !== undefined ? helpFor(rest[0]) : HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    throw new UsageError(`there is no command "${name}"; there are ${Object.keys(COMMANDS).join(', ')} (vigia --help)`);
  const { values, positionals } = parse(name, command, rest);
  if (values['help']) {
    process.stdout.write(helpFor(name));
    return 0;
  }
  const [least, most] = command.words;
  if (positionals.length < least || positionals.length > most)
    throw new UsageError(`vigia ${name}: ${wordsText(positionals.length, least, most)} (vigia ${name} --help)`);
  return command.run(values, positionals);
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

function wordsText(found: number, least: number, most: number): string {
  const allowed = least === most ? `${least}` : `${least} to ${most}`;
  return `${found} argument${found === 1 ? '' : 's'} found, ${allowed} expected`;
}

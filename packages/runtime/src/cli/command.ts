import type { ParseArgsConfig } from 'node:util';
import type { Values } from './options.ts';

type ParsedOption = NonNullable<ParseArgsConfig['options']>[string];

/** An option of a command, as `parseArgs` reads it, with what help and completion say about it. */
export interface Option extends ParsedOption {
  /** A few words for completion. */
  readonly about?: string;
  /** What its value is: a file, a running node, or one of these words. Default: any text. */
  readonly value?: 'file' | 'node' | readonly string[];
}

/** A command. It loads its modules when it runs, so that short commands need not load the node. */
export interface Command {
  /** What it does, for the list of commands: at most 56 characters. */
  readonly about: string;
  /** Its line in the list of commands, without `vigia`. */
  readonly example: string;
  readonly options: Readonly<Record<string, Option>>;
  /** How many arguments the command takes besides its options. */
  readonly words: readonly [least: number, most: number];
  /** What each argument is. Default: any text. */
  readonly arguments?: readonly ('file' | 'text' | readonly string[])[];
  run(values: Values, words: readonly string[]): Promise<number>;
}

/** Commands by name, in the order in which help lists them. */
export type Commands = Readonly<Record<string, Command>>;

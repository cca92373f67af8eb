import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '@vigia/base';
import { type Provider, PROVIDERS } from '@vigia/contracts';
import type { ModelSettings } from '#model';

/** The command line of a container process. */
export interface ContainerArguments {
  /** The model's id in requests. */
  readonly modelId: string;
  /** A folder with `model.yaml` (`--model`), or a model module (`--module`). */
  readonly source: ModelSettings['source'];
  /** Path of the Unix socket. */
  readonly socketPath: string;
  /** Threads inside one operation of the model, 1..64. Default 1. */
  readonly threads: number;
  /** Execution provider. Default `cpu`. */
  readonly provider: Provider;
  /** Most frames of one run. Default and upper limit: what the model allows. */
  readonly maxBatch: number | undefined;
  /** Folders, besides /dev/shm, from which plain frame files are accepted. */
  readonly allowDirs: readonly string[];
}

/** Parses the arguments after the script's name. @throws UsageError naming the option. */
export function parseArguments(argv: readonly string[]): ContainerArguments {
  let values: Values;
  try {
    values = read(argv);
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
  return {
    modelId: required('model-id', values['model-id']),
    source: sourceOf(values),
    socketPath: required('socket', values.socket),
    threads: count('threads', values.threads),
    provider: providerOf(values.provider),
    maxBatch: values['max-batch'] === undefined ? undefined : count('max-batch', values['max-batch']),
    allowDirs: values['allow-dir'],
  };
}

/** Limit of threads and of frames per run: a larger number is a mistake. */
const COUNT_LIMIT = 64;

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= COUNT_LIMIT) return value;
  throw new UsageError(`--${name} ${text}: a number from 1 to ${COUNT_LIMIT} is expected`);
}

function providerOf(text: string): Provider {
  const provider = PROVIDERS.find((name) => name === text);
  if (provider) return provider;
  throw new UsageError(`--provider ${text}: one of ${PROVIDERS.join(', ')} is expected`);
}

function sourceOf({ model, module }: Values): ModelSettings['source'] {
  if (model && module) throw new UsageError('--model and --module: one of them is expected, not both');
  if (module) return { kind: 'module', path: resolve(module) };
  return { kind: 'folder', dir: required('model', model) };
}

interface Values {
  readonly threads: string;
  readonly 'allow-dir': string[];
  readonly 'model-id'?: string;
  readonly model?: string;
  readonly module?: string;
  readonly provider: string;
  readonly 'max-batch'?: string;
  readonly socket?: string;
}

function read(argv: readonly string[]): Values {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'model-id': { type: 'string' },
      model: { type: 'string' },
      module: { type: 'string' },
      provider: { type: 'string', default: 'cpu' },
      'max-batch': { type: 'string' },
      socket: { type: 'string' },
      threads: { type: 'string', default: '1' },
      'allow-dir': { type: 'string', multiple: true, default: [] },
    },
    strict: true,
    allowPositionals: false,
  });
  return values;
}

function required(name: string, value: string | undefined): string {
  if (!value) throw new UsageError(`--${name} is missing`);
  return value;
}

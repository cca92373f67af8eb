import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '@vigia/base';

/** The command line of a container process. */
export interface ContainerArguments {
  /** What the model is called in requests. */
  readonly modelId: string;
  /** Folder of `model.yaml` and `model.onnx`. */
  readonly modelDir: string;
  /** Path of the Unix socket. */
  readonly socketPath: string;
  /** Threads inside one operation of the model, 1..64. Default 1. */
  readonly threads: number;
  /** Folders, besides /dev/shm, that plain frame files may come from. */
  readonly allowDirs: readonly string[];
}

/** Reads the arguments after the script's name. @throws UsageError naming the option. */
export function parseArguments(argv: readonly string[]): ContainerArguments {
  let values: Values;
  try {
    values = read(argv);
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw new UsageError(`--threads ${values.threads}: a number from 1 to 64 is expected`);
  }
  return {
    modelId: required('model-id', values['model-id']),
    modelDir: required('model', values.model),
    socketPath: required('socket', values.socket),
    threads,
    allowDirs: values['allow-dir'],
  };
}

interface Values {
  readonly threads: string;
  readonly 'allow-dir': string[];
  readonly 'model-id'?: string;
  readonly model?: string;
  readonly socket?: string;
}

function read(argv: readonly string[]): Values {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'model-id': { type: 'string' },
      model: { type: 'string' },
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

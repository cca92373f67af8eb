import { isWorkerProcess } from './surroundings.ts';

/** The standard output of a worker process, which nobody else gets to write to. */
export interface HostOutput {
  /** At once as far as the host has room for it, and it has for an answer. Once the host is gone, nowhere. */
  write(bytes: Uint8Array): void;
}

/**
 * Undefined when this program is no worker process. Taken at the first import, before the worker's own code can print:
 * what it writes to `process.stdout`, also by `console.log`, goes to its standard error, which is its log.
 */
export const hostOutput: HostOutput | undefined = isWorkerProcess() ? takeStandardOutput() : undefined;

function takeStandardOutput(): HostOutput {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  // EPIPE: the host is gone. The end of the input says so too, and that ends the loop.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  return { write: (bytes) => void write(bytes) };
}

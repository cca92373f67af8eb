import { isWorkerProcess } from './surroundings.ts';

/** The standard output of a worker process, reserved for the protocol. */
export interface HostOutput {
  /**
   * Writes at once as far as the host has room, and it has room for one answer. Discards everything once the host has
   * died.
   */
  write(bytes: Uint8Array): void;
}

/**
 * Undefined when this program is no worker process. Taken at the first import, before the worker's own code can print:
 * its output to `process.stdout`, including `console.log`, goes to standard error, which is its log.
 */
export const hostOutput: HostOutput | undefined = isWorkerProcess() ? takeStandardOutput() : undefined;

function takeStandardOutput(): HostOutput {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  // EPIPE: the host has died. The end of the input reports that too, and ends the loop.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  return { write: (bytes) => void write(bytes) };
}

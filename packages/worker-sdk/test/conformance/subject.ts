import type { WorkerTransport } from '@vigia/contracts';

/**
 * Optional abilities of a worker; the rest of the suite is required of all. Every subject answers with the mean of a
 * picture's bytes (of NV12 and I420, of the first plane), 0..1, as `data.brightness`, and with a detection `bright`
 * over the whole picture above 0.5. JPEG is not supported.
 */
export interface Capabilities {
  /** With the option `print` it writes to standard output while it loads and with each frame. */
  readonly print: boolean;
  /** With the option `tell` it adds its settings at the start as `data.told`. */
  readonly tell: boolean;
}

/** A kind of worker: a program, or a module for a thread. */
export type WorkerSubject = ProgramSubject | ThreadSubject;

interface AnySubject {
  readonly name: string;
  /** Its own name. */
  readonly ready: string;
  readonly can: Capabilities;
}

/** A worker in a process of its own. */
export interface ProgramSubject extends AnySubject {
  readonly transport: WorkerTransport;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A worker in a thread of its host. */
export interface ThreadSubject extends AnySubject {
  readonly transport: 'thread';
  readonly module: string;
}

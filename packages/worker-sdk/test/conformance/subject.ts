import type { WorkerTransport } from '@vigia/contracts';

/**
 * What a worker may do or not. Everything else in the suite is asked of every one. All of them are bright: they answer with
 * the mean of a picture's bytes (of NV12 and I420, of the first plane), 0..1, as `data.brightness`, and with a detection
 * `bright` over all of it above 0.5; JPEG they do not understand.
 */
export interface Capabilities {
  /** With the option `print` it prints on standard output while it loads and with each frame. */
  readonly print: boolean;
  /** With the option `tell` it adds what it was told at its start, as `data.told`. */
  readonly tell: boolean;
}

/** A kind of worker: a program, or a module for a thread. */
export type WorkerSubject = ProgramSubject | ThreadSubject;

interface AnySubject {
  readonly name: string;
  /** What it calls itself. */
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

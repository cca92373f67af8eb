import type { FromWorker } from '@vigia/contracts';
import type { EndReason } from './lifecycle.ts';

/** What a running worker, in a process or a thread, reports. */
export interface WorkerLinkEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** The worker broke the protocol. */
  readonly onProtocolError: (message: string) => void;
  /** It runs and has closed its input: no frame will reach it. Processes only. */
  readonly onInputClosed: () => void;
  /** A line of its standard error. */
  readonly onLine: (line: string) => void;
  /** The worker is gone, with everything that it started. Called once, never from inside the call that opened the link. */
  readonly onExit: (reason: EndReason) => void;
}

/** A started worker: a process or a thread. */
export interface WorkerLink {
  /** Undefined for a thread, and when it could not be started. */
  readonly pid: number | undefined;
  /** Asks it to end, then kills it. Resolves when it is gone. Idempotent. */
  stop(): Promise<void>;
  /** Kills it now. */
  kill(): void;
}

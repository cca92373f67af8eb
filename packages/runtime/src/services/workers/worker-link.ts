import type { FromWorker } from '@vigia/contracts';
import type { EndReason } from './lifecycle.ts';

/** What a running worker tells, whatever it runs in. */
export interface WorkerLinkEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** Something that is not in the protocol. */
  readonly onProtocolError: (message: string) => void;
  /** It is there and reads no more: no frame will reach it. Processes only. */
  readonly onInputClosed: () => void;
  /** A line of its standard error. */
  readonly onLine: (line: string) => void;
  /** It is gone, with everything that it started. Called once, never from inside the call that started it. */
  readonly onExit: (reason: EndReason) => void;
}

/** A worker that was started: a process or a thread. */
export interface WorkerLink {
  /** Undefined for a thread, and when it could not be started. */
  readonly pid: number | undefined;
  /** Asks it to end, then ends it. Resolves when it is gone. Idempotent. */
  stop(): Promise<void>;
  /** Ends it now. */
  kill(): void;
}

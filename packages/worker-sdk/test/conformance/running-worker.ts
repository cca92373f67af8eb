import type { FromWorker } from '@vigia/contracts';
import type { BrightPicture } from './pictures.ts';

/** How a worker is started. */
export interface WorkerStart {
  /** The largest picture it will receive; in a thread, the only size and format. */
  readonly input: Pick<BrightPicture, 'format' | 'width' | 'height'>;
  readonly options: object;
}

/** A worker as its host sees it, in a process or a thread. Its messages are checked against the schemas. */
export interface RunningWorker {
  /** Its next message; undefined at its end. */
  next(): Promise<FromWorker | undefined>;
  /** Sends a picture. @returns its number. */
  give(picture: BrightPicture): number;
  /** Sends `stop`. */
  stop(): void;
  /** Closes its input without a message. */
  hangUp(): void;
  /** What a host does to a worker that has not stopped: the exit code is not 0 then. */
  terminate(): void;
  /** The exit code; null when a signal ended it. Resolves after its last message was read. */
  readonly exited: Promise<number | null>;
  /** Removes everything that is left of it, in any state. Idempotent. */
  close(): Promise<void>;
}

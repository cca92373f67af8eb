import type { FromWorker } from '@vigia/contracts';
import type { BrightPicture } from './pictures.ts';

/** What a worker is started with. */
export interface WorkerStart {
  /** The largest picture that it will get; in a thread the only size and format. */
  readonly input: Pick<BrightPicture, 'format' | 'width' | 'height'>;
  readonly options: object;
}

/** A worker as its host sees it, whatever it runs in. What it says is checked against the schemas. */
export interface RunningWorker {
  /** The next thing that it says; undefined at its end. */
  next(): Promise<FromWorker | undefined>;
  /** Hands a picture over. @returns its number. */
  give(picture: BrightPicture): number;
  /** Tells it to finish, in words. */
  stop(): void;
  /** Ends its input, without a word. */
  hangUp(): void;
  /** As a host does with who has not obeyed: the exit code is not 0 then. */
  terminate(): void;
  /** The exit code; null when a signal ended it. Only comes when all that it said was heard. */
  readonly exited: Promise<number | null>;
  /** Nothing of it is left, however it did. Idempotent. */
  close(): Promise<void>;
}

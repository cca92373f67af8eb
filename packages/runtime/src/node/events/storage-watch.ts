import type { Log } from '@vigia/base';
import { type HealthProblem, WHOLE_NODE } from '@vigia/contracts';
import type { StoreTrouble } from '#services/store';
import type { Announcer } from './announcer.ts';

/** Logs and announces what becomes of stored events: that the disk takes none, and that some are gone for good. */
export class StorageWatch {
  readonly #announcer: Announcer;
  readonly #log: Log;
  /** Why the disk takes no events; undefined while it does. */
  #failing: string | undefined;

  constructor(announcer: Announcer, log: Log) {
    this.#announcer = announcer;
    this.#log = log;
  }

  /** Events that wait in memory are lost with the process. */
  get problems(): readonly HealthProblem[] {
    return this.#failing === undefined ? [] : [{ code: 'store', camera: WHOLE_NODE, message: this.#failing }];
  }

  /** The disk takes no events, or takes them again, or the file was damaged. */
  trouble(trouble: StoreTrouble): void {
    if (trouble.state === 'damaged') {
      this.#gone(trouble.message, trouble.discarded);
      return;
    }
    if (trouble.state === 'failing') {
      const message = `the store takes no events, they wait in memory: ${trouble.why}`;
      this.#failing = message;
      this.#log.error(message);
      this.#announcer.storage({ state: 'failing', message, discarded: 0 });
      return;
    }
    this.#failing = undefined;
    const { discarded } = trouble;
    const message = `the store takes events again${discarded > 0 ? `; ${discarded} were discarded meanwhile` : ''}`;
    this.#log.info(message);
    this.#announcer.storage({ state: 'ok', message, discarded });
  }

  /** Retention removed events that a reader had not received. */
  unread(reader: string, discarded: number): void {
    const message = `${discarded} events were discarded that ${reader} has not received: they were too old or too many`;
    this.#gone(message, discarded);
  }

  #gone(message: string, discarded: number): void {
    this.#log.error(message);
    this.#announcer.storage({ state: 'discarded', message, discarded });
  }
}

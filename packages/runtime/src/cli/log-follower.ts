import type { LogAnswer } from '@vigia/contracts';
import { askLogs } from './node-answers.ts';

/** The options of a reader of a node's log; undefined: the node's own default. */
export interface LogFilter {
  readonly level?: string | undefined;
  readonly limit?: string | undefined;
}

/** Reads a node's log piece by piece: first the newest records, then what has been added. */
export class LogFollower {
  readonly #socket: string;
  readonly #filter: LogFilter;
  #after: number | undefined;

  constructor(socket: string, filter: LogFilter) {
    this.#socket = socket;
    this.#filter = filter;
  }

  /** The next records, and how many were lost since the last call. @throws VigiaError, UsageError */
  async next(): Promise<Pick<LogAnswer, 'records' | 'lost'>> {
    const { level, limit } = this.#filter;
    const answer = await askLogs(this.#socket, {
      ...(level === undefined ? {} : { level }),
      ...(limit === undefined ? {} : { limit }),
      ...(this.#after === undefined ? {} : { after: String(this.#after) }),
    });
    this.#after = answer.next;
    return answer;
  }
}

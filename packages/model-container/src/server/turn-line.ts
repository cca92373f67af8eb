import type { Clock, Timer } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';
import type { Grant, TurnKey } from './grants.ts';

/** A `want` and its two outcomes. Exactly one of them is called, once. */
export interface Want {
  readonly key: TurnKey;
  /** It is this key's turn. */
  readonly give: (grant: Grant) => void;
  /** It was withdrawn by `unwant`, or its connection closed. */
  readonly withdraw: () => void;
}

/** An `infer`. It becomes part of exactly one run, or is rejected, once. */
export interface Job {
  readonly connection: number;
  readonly camera: string;
  /** The grant that it uses up, if it names one. */
  readonly grant?: string | undefined;
  /** Milliseconds from now after which it must not start any more. */
  readonly deadlineMs?: number | undefined;
  readonly reject: (code: ContainerErrorCode, message: string) => void;
}

/** Default limit of a line: 64 consumers on each of 32 cameras. More would be a mistake, not a load. */
export const DEFAULT_MAX_WAITING: number = 64 * 32;

/** A timer with a longer delay fires at once (signed 32 bits); 24 days are as good as no deadline. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Number of keys whose last turn is remembered: twice as many as can wait. */
const MOST_REMEMBERED = 2 * DEFAULT_MAX_WAITING;

interface WantEntry {
  readonly kind: 'want';
  readonly want: Want;
  /** The key as a string, computed once: every grant scans the line. */
  readonly name: string;
}
interface JobEntry<J> {
  readonly kind: 'job';
  readonly job: J;
  deadline: Timer | undefined;
}

/**
 * The line in front of the model: each key's want at most once, each camera's job without a grant at most once.
 *
 * Wants ahead of the first job are served in the order of their key's last turn, longest ago first. In order of arrival, a
 * consumer that asks again while its own frame is being analysed would get ahead of the others every time.
 */
export class TurnLine<J extends Job> {
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  #entries: (WantEntry | JobEntry<J>)[] = [];
  /** Key to the number of its last turn, oldest first. Bounded; a key that was dropped counts as never served. */
  readonly #served = new Map<string, number>();
  #turns = 0;

  constructor(clock: Clock, maxWaiting: number) {
    this.#clock = clock;
    this.#maxWaiting = maxWaiting;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Appends a want. Returns undefined, or why not: `bad_request` when its key waits already, `overloaded` when the line is full. */
  addWant(want: Want): ContainerErrorCode | undefined {
    const name = nameOf(want.key);
    if (this.#entries.some((entry) => entry.kind === 'want' && entry.name === name)) return 'bad_request';
    if (this.#entries.length >= this.#maxWaiting) return 'overloaded';
    this.#entries.push({ kind: 'want', want, name });
    return undefined;
  }

  /** Appends a job without a grant. Returns whether there was room; otherwise the job has been rejected. */
  addJob(job: J): boolean {
    const { camera } = job;
    if (this.#entries.some((entry) => entry.kind === 'job' && entry.job.camera === camera)) {
      job.reject('overloaded', `a frame of camera '${camera}' is waiting already`);
      return false;
    }
    if (this.#entries.length >= this.#maxWaiting) {
      job.reject('overloaded', `${this.#maxWaiting} requests are waiting already`);
      return false;
    }
    this.#entries.push({ kind: 'job', job, deadline: undefined });
    return true;
  }

  /** Starts the timer of a job's deadline if the job is still waiting. Separate from `addJob`: most jobs start at once. */
  watchDeadline(job: J): void {
    const entry = this.#entries.find((one): one is JobEntry<J> => one.kind === 'job' && one.job === job);
    if (entry === undefined || job.deadlineMs === undefined) return;
    entry.deadline = this.#clock.after(Math.min(job.deadlineMs, LONGEST_TIMER_MS), () => {
      this.#entries = this.#entries.filter((other) => other !== entry);
      rejectLate(job);
    });
  }

  /** Removes and returns the jobs at the head of the line, `most` at most. */
  takeJobs(most: number): J[] {
    const jobs: J[] = [];
    for (let head = this.#entries[0]; head?.kind === 'job' && jobs.length < most; head = this.#entries[0]) {
      this.#entries.shift();
      head.deadline?.cancel();
      jobs.push(head.job);
    }
    return jobs;
  }

  /** Removes and returns the want that was served longest ago, of those ahead of the first job whose key is allowed. */
  takeWant(allowed: (key: TurnKey) => boolean): Want | undefined {
    let chosen: WantEntry | undefined;
    for (const entry of this.#entries) {
      if (entry.kind === 'job') break;
      if (allowed(entry.want.key) && (!chosen || this.#lastTurn(entry) < this.#lastTurn(chosen))) chosen = entry;
    }
    if (!chosen) return undefined;
    this.#entries.splice(this.#entries.indexOf(chosen), 1);
    this.#remember(chosen.name);
    return chosen.want;
  }

  /** Withdraws the wants of matching keys. */
  withdraw(matches: (key: TurnKey) => boolean): void {
    const withdrawn: Want[] = [];
    this.#entries = this.#entries.filter((entry) => {
      if (entry.kind !== 'want' || !matches(entry.want.key)) return true;
      withdrawn.push(entry.want);
      return false;
    });
    for (const want of withdrawn) want.withdraw();
  }

  /** Removes matching jobs, cancels their deadlines and returns them. */
  removeJobs(matches: (job: Job) => boolean): J[] {
    const removed: J[] = [];
    this.#entries = this.#entries.filter((entry) => {
      if (entry.kind !== 'job' || !matches(entry.job)) return true;
      entry.deadline?.cancel();
      removed.push(entry.job);
      return false;
    });
    return removed;
  }

  #lastTurn({ name }: WantEntry): number {
    return this.#served.get(name) ?? 0;
  }

  #remember(name: string): void {
    this.#turns += 1;
    // Deleted first: insertion order then is the order of the last turns.
    this.#served.delete(name);
    this.#served.set(name, this.#turns);
    const [oldest] = this.#served.keys();
    if (this.#served.size > MOST_REMEMBERED && oldest !== undefined) this.#served.delete(oldest);
  }
}

/** Rejects a job whose deadline passed while it waited. */
export function rejectLate(job: Job): void {
  job.reject('deadline_exceeded', 'the deadline passed before it was this request’s turn');
}

function nameOf({ connection, camera, consumer }: TurnKey): string {
  return JSON.stringify([connection, camera, consumer]);
}

import { type Clock, Deadline, type Timer } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';

/** Who takes turns: one consumer of one camera on one connection. */
export interface TurnKey {
  /** Number of the connection. */
  readonly connection: number;
  readonly camera: string;
  readonly consumer: string;
}

/** A permission to send one `infer` before it expires. */
export interface Grant {
  readonly id: string;
  readonly expiresMs: number;
}

/** A `want` and how to settle it. Exactly one of the two is called, once. */
export interface Want {
  readonly key: TurnKey;
  /** It is this key's turn. */
  readonly give: (grant: Grant) => void;
  /** It was withdrawn by `unwant`, or its connection is gone. */
  readonly withdraw: () => void;
}

/** An `infer` and how to settle it. Exactly one of `start` and `reject` is called, once. */
export interface Job {
  readonly connection: number;
  readonly camera: string;
  /** The grant that it uses up, if it names one. */
  readonly grant?: string | undefined;
  /** Milliseconds from now until it is not worth starting. */
  readonly deadlineMs?: number | undefined;
  /** The model is free and belongs to this job until {@link Turns.finished}. */
  readonly start: () => void;
  readonly reject: (code: ContainerErrorCode, message: string) => void;
}

/** Options of {@link Turns}. */
export interface TurnsOptions {
  readonly clock: Clock;
  /** How long a grant may stay unused. Default {@link DEFAULT_GRANT_MS}. */
  readonly grantMs?: number;
  /** Most wants and jobs that may wait. Default {@link DEFAULT_MAX_WAITING}. */
  readonly maxWaiting?: number;
}

/** Time to take and scale a picture: 1 ms as a rule, tens when the camera process is in the middle of a keyframe. */
export const DEFAULT_GRANT_MS = 100;
/** Far above 64 consumers on each of 32 cameras being due at once is not a load, it is a mistake. */
export const DEFAULT_MAX_WAITING = 1024;

/** Counters since the start. */
export interface TurnCounters {
  readonly grants: number;
  readonly grantsExpired: number;
}

interface WaitingJob {
  readonly job: Job;
  deadline: Timer | undefined;
}
type Waiting = { readonly kind: 'want'; readonly want: Want } | { readonly kind: 'job'; readonly waiting: WaitingJob };

interface Outstanding {
  readonly grant: Grant;
  readonly key: TurnKey;
}

/**
 * Decides whose turn it is. One thing at a time: the model is free, promised (a grant is out), or running.
 *
 * Everybody who wants stands in one line, each key at most once, and each job without a grant at most once per camera;
 * who was served goes to the end with the next request. That is round-robin, and no picture waits in the line: a key
 * takes its newest picture when it is granted.
 *
 * Knows neither sockets nor models; the clock is injected. Settles callbacks synchronously.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #expiry: Deadline;
  readonly #grantMs: number;
  readonly #maxWaiting: number;
  #line: Waiting[] = [];
  #outstanding: Outstanding | undefined;
  #running = false;
  #advancing = false;
  #grants = 0;
  #grantsExpired = 0;

  constructor(options: TurnsOptions) {
    this.#clock = options.clock;
    this.#expiry = new Deadline(options.clock, () => this.#expire());
    this.#grantMs = options.grantMs ?? DEFAULT_GRANT_MS;
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
  }

  /** See {@link TurnCounters}. */
  get counters(): TurnCounters {
    return { grants: this.#grants, grantsExpired: this.#grantsExpired };
  }

  /** How many wants and jobs wait. */
  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Puts a key in line.
   *
   * @returns undefined, or why not: `bad_request` when the key waits already, `overloaded` when the line is full. Then
   *   no callback is called.
   */
  want(want: Want): ContainerErrorCode | undefined {
    if (this.#line.some((entry) => entry.kind === 'want' && sameKey(entry.want.key, want.key))) return 'bad_request';
    if (this.#line.length >= this.#maxWaiting) return 'overloaded';
    this.#line.push({ kind: 'want', want });
    this.#advance();
    return undefined;
  }

  /** Takes a key out of line, or its unused grant back: the turn passes on. Nothing happens when it has neither. */
  unwant(key: TurnKey): void {
    this.#withdraw((other) => sameKey(other, key));
    if (this.#outstanding && sameKey(this.#outstanding.key, key)) this.#takeGrant();
    this.#advance();
  }

  /** Submits a job: it starts at once with a valid grant, else waits for its turn, or is rejected. */
  submit(job: Job): void {
    if (job.grant !== undefined) this.#submitGranted(job, job.grant);
    else this.#submitWaiting(job);
  }

  /** The job that was started has ended. To be called exactly once per `start`. */
  finished(): void {
    this.#running = false;
    this.#advance();
  }

  /** A connection is gone: its wants, its waiting jobs and its grant are withdrawn. A running job is left alone. */
  disconnect(connection: number): void {
    for (const { waiting } of this.#removeJobs((job) => job.connection === connection)) {
      waiting.job.reject('overloaded', 'the connection was closed');
    }
    this.withdrawWants(connection);
  }

  /** A connection sends no more: its wants and its grant cannot be used. Its waiting jobs stay. */
  withdrawWants(connection: number): void {
    this.#withdraw((key) => key.connection === connection);
    if (this.#outstanding?.key.connection === connection) this.#takeGrant();
    this.#advance();
  }

  /** Stops: everything that waits is settled, no timer is left. Nothing may be submitted afterwards. */
  close(): void {
    this.#takeGrant();
    this.#expiry.close();
    this.#running = true;
    this.#withdraw(() => true);
    for (const { waiting } of this.#removeJobs(() => true))
      waiting.job.reject('overloaded', 'the container is stopping');
  }

  #submitGranted(job: Job, id: string): void {
    const { grant, key } = this.#outstanding ?? {};
    if (grant?.id !== id || key?.connection !== job.connection || key.camera !== job.camera) {
      job.reject('grant_expired', 'the grant is not valid (any more): ask again');
      return;
    }
    this.#takeGrant();
    this.#start(job);
  }

  #submitWaiting(job: Job): void {
    const sameCamera = (entry: Waiting): boolean => entry.kind === 'job' && entry.waiting.job.camera === job.camera;
    if (this.#line.some(sameCamera)) {
      job.reject('overloaded', `a frame of camera '${job.camera}' is waiting already`);
      return;
    }
    if (this.#line.length >= this.#maxWaiting) {
      job.reject('overloaded', `${this.#maxWaiting} requests are waiting already`);
      return;
    }
    const waiting: WaitingJob = { job, deadline: undefined };
    this.#line.push({ kind: 'job', waiting });
    this.#advance();
    // Only now: a job that could start at once needs no timer.
    if (job.deadlineMs !== undefined && this.#waits(waiting)) {
      waiting.deadline = this.#clock.after(job.deadlineMs, () => this.#late(waiting));
    }
  }

  #late(late: WaitingJob): void {
    this.#line = this.#line.filter((entry) => entry.kind !== 'job' || entry.waiting !== late);
    late.job.reject('deadline_exceeded', 'the deadline passed before it was this request’s turn');
  }

  #waits(waiting: WaitingJob): boolean {
    return this.#line.some((entry) => entry.kind === 'job' && entry.waiting === waiting);
  }

  // A loop and not a recursion: jobs that end at once (a frame that is not there) call `finished` from inside `start`.
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (!this.#running && !this.#outstanding) {
        const next = this.#line.shift();
        if (!next) break;
        if (next.kind === 'want') this.#give(next.want);
        else {
          next.waiting.deadline?.cancel();
          this.#start(next.waiting.job);
        }
      }
    } finally {
      this.#advancing = false;
    }
  }

  #start(job: Job): void {
    this.#running = true;
    job.start();
  }

  #give(want: Want): void {
    this.#grants += 1;
    const grant: Grant = { id: `g${this.#grants}`, expiresMs: this.#grantMs };
    // One timer for all grants, hardly ever set anew: this is on the way of every frame.
    this.#expiry.set(this.#grantMs);
    this.#outstanding = { grant, key: want.key };
    want.give(grant);
  }

  #expire(): void {
    this.#grantsExpired += 1;
    this.#outstanding = undefined;
    this.#advance();
  }

  #takeGrant(): void {
    this.#expiry.clear();
    this.#outstanding = undefined;
  }

  #withdraw(matches: (key: TurnKey) => boolean): void {
    const withdrawn: Want[] = [];
    this.#line = this.#line.filter((entry) => {
      if (entry.kind !== 'want' || !matches(entry.want.key)) return true;
      withdrawn.push(entry.want);
      return false;
    });
    for (const want of withdrawn) want.withdraw();
  }

  #removeJobs(matches: (job: Job) => boolean): { readonly waiting: WaitingJob }[] {
    const removed: { readonly waiting: WaitingJob }[] = [];
    this.#line = this.#line.filter((entry) => {
      if (entry.kind !== 'job' || !matches(entry.waiting.job)) return true;
      entry.waiting.deadline?.cancel();
      removed.push(entry);
      return false;
    });
    return removed;
  }
}

function sameKey(a: TurnKey, b: TurnKey): boolean {
  return a.connection === b.connection && a.camera === b.camera && a.consumer === b.consumer;
}

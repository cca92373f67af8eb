import { type Clock, Deadline, type Timer } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';
import { Estimate } from './estimate.ts';

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

/** An `infer` and how to settle it. It is either part of exactly one run, or rejected, once. */
export interface Job {
  readonly connection: number;
  readonly camera: string;
  /** The grant that it uses up, if it names one. */
  readonly grant?: string | undefined;
  /** Milliseconds from now until it is not worth starting. */
  readonly deadlineMs?: number | undefined;
  readonly reject: (code: ContainerErrorCode, message: string) => void;
}

/** Options of {@link Turns}. */
export interface TurnsOptions<J extends Job> {
  readonly clock: Clock;
  /** Most jobs of one run. Default 1. */
  readonly maxBatch?: number;
  /**
   * These jobs, 1 to `maxBatch`, are the next run: now when the model is free, else as soon as the one that is going on
   * ends. At most one more run is started before {@link Turns.finished} is called for the one before.
   */
  readonly start: (jobs: readonly J[]) => void;
  /** How long runs take, milliseconds; as long as nothing is known, nothing is granted ahead. Read only. */
  readonly runs?: Estimate;
  /** How long a grant may stay unused. Default {@link DEFAULT_GRANT_MS}. */
  readonly grantMs?: number;
  /** Most wants and jobs that may wait. Default {@link DEFAULT_MAX_WAITING}. */
  readonly maxWaiting?: number;
}

/** Time to take and scale a picture: 1 ms as a rule, tens when the camera process is in the middle of a keyframe. */
export const DEFAULT_GRANT_MS = 100;
/** Far above 64 consumers on each of 32 cameras being due at once is not a load, it is a mistake. */
export const DEFAULT_MAX_WAITING = 1024;

/** A longer timer runs out at once (32 bits, signed): 24 days are as good as for ever. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Keys whose last turn is known: as many as can wait, twice over. */
const MOST_REMEMBERED = 2 * DEFAULT_MAX_WAITING;

/** Counters since the start. */
export interface TurnCounters {
  readonly grants: number;
  readonly grantsExpired: number;
}

interface WaitingJob<J> {
  readonly job: J;
  deadline: Timer | undefined;
}
type Waiting<J> =
  /** `name`: of its key, made once: every grant looks through the line. */
  | { readonly kind: 'want'; readonly want: Want; readonly name: string }
  | { readonly kind: 'job'; readonly waiting: WaitingJob<J> };

interface Outstanding {
  readonly grant: Grant;
  readonly key: TurnKey;
  readonly givenMs: number;
}

/**
 * How long before the end of a run the next pictures are asked for, milliseconds: `least` for the way alone, `most` before
 * the end that is expected. A picture that waits grows old, and where runs and ways vary much (too many programs on too few
 * cores) no lead is right.
 */
const LEAD = { least: 1, most: 5 };
/** A timer may fire as much later than it was asked to: the loop counts whole milliseconds. */
const TIMER_MS = 1;

/** A job that used its grant, and until when it is worth starting. */
interface ReadyJob<J> {
  readonly job: J;
  readonly untilMs: number;
}

/**
 * Decides whose turn it is. The model is free, promised (as many grants are out as one run can take), or running.
 *
 * Everybody who wants stands in one line, each key at most once, and each job without a grant at most once per camera. Of
 * those who want, who was served longest ago is next; a job without a grant waits for those before it. That is
 * round-robin, and no picture waits in the line: a key takes its newest picture when it is granted.
 *
 * A run takes what has come and never waits to fill up. Pictures of the same grants that come while it is going on are the
 * next run, before anybody else is granted.
 *
 * Shortly before a run is expected to end, as long before as most grants take to be used, the next ones are given (docs/
 * decisions/0028): the pictures then come as the model becomes free, instead of one round trip later. Whoever has a picture
 * in the run waits for its end.
 *
 * Knows neither sockets nor models; the clock is injected. Settles callbacks synchronously.
 */
export class Turns<J extends Job = Job> {
  readonly #o: TurnsOptions<J>;
  readonly #clock: Clock;
  readonly #expiry: Deadline;
  readonly #grantMs: number;
  readonly #maxWaiting: number;
  readonly #maxBatch: number;
  readonly #ahead: Deadline;
  #line: Waiting<J>[] = [];
  /** Oldest first. */
  #outstanding: Outstanding[] = [];
  #ready: ReadyJob<J>[] = [];
  /** What runs; empty: the model is free. */
  #running: readonly J[] = [];
  /** What runs after it, started already: handing it over then would leave the model idle for as long as that takes. */
  #next: readonly J[] = [];
  /** The number of the grant that each key had last. Bounded; who is forgotten counts as never served. */
  readonly #served = new Map<string, number>();
  /** How long a grant takes to be used, milliseconds. */
  readonly #use = new Estimate(LEAD.least);
  #advancing = false;
  #deferred = false;
  #closed = false;
  #grants = 0;
  #grantsExpired = 0;

  constructor(options: TurnsOptions<J>) {
    this.#o = options;
    this.#clock = options.clock;
    this.#expiry = new Deadline(options.clock, () => this.#expire());
    this.#ahead = new Deadline(options.clock, () => this.#grantAhead());
    this.#grantMs = options.grantMs ?? DEFAULT_GRANT_MS;
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    this.#maxBatch = options.maxBatch ?? 1;
  }

  /** See {@link TurnCounters}. */
  get counters(): TurnCounters {
    return { grants: this.#grants, grantsExpired: this.#grantsExpired };
  }

  /** How many wants and jobs wait. */
  get waiting(): number {
    return this.#line.length + this.#ready.length;
  }

  /**
   * Puts a key in line.
   *
   * @returns undefined, or why not: `bad_request` when the key waits already, `overloaded` when the line is full. Then
   *   no callback is called.
   */
  want(want: Want): ContainerErrorCode | undefined {
    const name = nameOf(want.key);
    if (this.#line.some((entry) => entry.kind === 'want' && entry.name === name)) return 'bad_request';
    if (this.#line.length >= this.#maxWaiting) return 'overloaded';
    this.#line.push({ kind: 'want', want, name });
    this.#advance();
    return undefined;
  }

  /** Takes a key out of line, or its unused grant back: the turn passes on. Nothing happens when it has neither. */
  unwant(key: TurnKey): void {
    this.#withdraw((other) => sameKey(other, key));
    this.#takeGrants((other) => sameKey(other, key));
    this.#advance();
  }

  /** Submits a job: with a valid grant it is part of the next run, else it waits for its turn, or is rejected. */
  submit(job: J): void {
    if (job.grant !== undefined) this.#submitGranted(job, job.grant);
    else this.#submitWaiting(job);
  }

  /** The oldest run that was started has ended. To be called exactly once per `start`. */
  finished(): void {
    this.#running = this.#next;
    this.#next = [];
    this.#ahead.clear();
    if (this.#running.length > 0) this.#lookAhead();
    this.#advance();
  }

  /** A connection is gone: its wants, its waiting jobs and its grants are withdrawn. A running job is left alone. */
  disconnect(connection: number): void {
    for (const job of this.#removeJobs((other) => other.connection === connection)) {
      job.reject('overloaded', 'the connection was closed');
    }
    this.withdrawWants(connection);
  }

  /** A connection sends no more: its wants and its grants cannot be used. Its waiting jobs stay. */
  withdrawWants(connection: number): void {
    this.#withdraw((key) => key.connection === connection);
    this.#takeGrants((key) => key.connection === connection);
    this.#advance();
  }

  /** Stops: everything that waits is settled, no timer is left. Nothing may be submitted afterwards. */
  close(): void {
    this.#closed = true;
    this.#outstanding = [];
    this.#expiry.close();
    this.#ahead.close();
    this.#withdraw(() => true);
    for (const job of this.#removeJobs(() => true)) job.reject('overloaded', 'the container is stopping');
  }

  #submitGranted(job: J, id: string): void {
    const mine = ({ grant, key }: Outstanding): boolean =>
      grant.id === id && key.connection === job.connection && key.camera === job.camera;
    const at = this.#outstanding.findIndex(mine);
    if (at < 0) {
      job.reject('grant_expired', 'the grant is not valid (any more): ask again');
      return;
    }
    const [used] = this.#outstanding.splice(at, 1);
    this.#use.observe(this.#clock.nowMs() - (used?.givenMs ?? 0));
    this.#watchExpiry();
    const untilMs = job.deadlineMs === undefined ? Infinity : this.#clock.nowMs() + job.deadlineMs;
    this.#ready.push({ job, untilMs });
    if (this.#outstanding.length > 0) this.#advanceAfterReading();
    else if (this.#running.length === 0) this.#advance();
    else this.#startNext();
  }

  /** Everybody granted has come while a run is going on: they are the next one. */
  #startNext(): void {
    if (this.#next.length > 0) return;
    const jobs = this.#takeReady();
    if (jobs.length === 0) return;
    this.#next = jobs;
    this.#o.start(jobs);
  }

  /** Others were granted too and may have been read with this one: what has come together is looked at together. */
  #advanceAfterReading(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    setImmediate(() => {
      this.#deferred = false;
      this.#advance();
    });
  }

  #submitWaiting(job: J): void {
    const sameCamera = (entry: Waiting<J>): boolean => entry.kind === 'job' && entry.waiting.job.camera === job.camera;
    if (this.#line.some(sameCamera)) {
      job.reject('overloaded', `a frame of camera '${job.camera}' is waiting already`);
      return;
    }
    if (this.#line.length >= this.#maxWaiting) {
      job.reject('overloaded', `${this.#maxWaiting} requests are waiting already`);
      return;
    }
    const waiting: WaitingJob<J> = { job, deadline: undefined };
    this.#line.push({ kind: 'job', waiting });
    this.#advance();
    // Only now: a job that could start at once needs no timer.
    if (job.deadlineMs !== undefined && this.#waits(waiting)) {
      waiting.deadline = this.#clock.after(Math.min(job.deadlineMs, LONGEST_TIMER_MS), () => this.#late(waiting));
    }
  }

  #late(late: WaitingJob<J>): void {
    this.#line = this.#line.filter((entry) => entry.kind !== 'job' || entry.waiting !== late);
    tooLate(late.job);
  }

  #waits(waiting: WaitingJob<J>): boolean {
    return this.#line.some((entry) => entry.kind === 'job' && entry.waiting === waiting);
  }

  // A loop and not a recursion: runs that end at once (frames that are not there) call `finished` from inside `start`.
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#running.length === 0 && !this.#closed) {
        const jobs = this.#nextRun();
        if (jobs.length > 0) {
          this.#running = jobs;
          this.#lookAhead();
          this.#o.start(jobs);
        } else if (!this.#giveNext()) break;
      }
    } finally {
      this.#advancing = false;
    }
  }

  /** What has come: granted pictures first, then jobs at the head of the line. None while only grants are out. */
  #nextRun(): J[] {
    const jobs = this.#takeReady();
    if (jobs.length === 0 && this.#outstanding.length > 0) return jobs;
    for (let head = this.#line[0]; head?.kind === 'job' && jobs.length < this.#maxBatch; head = this.#line[0]) {
      this.#line.shift();
      head.waiting.deadline?.cancel();
      jobs.push(head.waiting.job);
    }
    return jobs;
  }

  /** Granted pictures that have come, as many as a run takes; what is too late is told so. */
  #takeReady(): J[] {
    const jobs: J[] = [];
    while (jobs.length < this.#maxBatch) {
      const ready = this.#ready.shift();
      if (!ready) break;
      if (ready.untilMs > this.#clock.nowMs()) jobs.push(ready.job);
      else tooLate(ready.job);
    }
    return jobs;
  }

  /** Grants the first in line, if it wants one and a run could take it. */
  #giveNext(): boolean {
    return this.#outstanding.length < this.#maxBatch && this.#giveTo(() => true);
  }

  /**
   * Grants the want that was served longest ago, of those before the first job in line. By the order of asking alone, who
   * asks while its own picture is looked at would come before others every time.
   */
  #giveTo(mayHave: (key: TurnKey) => boolean): boolean {
    let chosen:
      | { readonly at: number; readonly want: Want; readonly name: string; readonly servedAt: number }
      | undefined;
    for (const [at, entry] of this.#line.entries()) {
      if (entry.kind === 'job') break;
      const { want, name } = entry;
      const servedAt = this.#served.get(name) ?? 0;
      if (mayHave(want.key) && (!chosen || servedAt < chosen.servedAt)) chosen = { at, want, name, servedAt };
    }
    if (!chosen) return false;
    this.#line.splice(chosen.at, 1);
    this.#give(chosen.want, chosen.name);
    return true;
  }

  #give(want: Want, name: string): void {
    this.#grants += 1;
    this.#remember(name);
    const grant: Grant = { id: `g${this.#grants}`, expiresMs: this.#grantMs };
    this.#outstanding.push({ grant, key: want.key, givenMs: this.#clock.nowMs() });
    // One timer for all grants, hardly ever set anew: this is on the way of every frame.
    if (this.#outstanding.length === 1) this.#expiry.set(this.#grantMs);
    want.give(grant);
  }

  #lookAhead(): void {
    const { mean, low } = this.#o.runs ?? {};
    if (mean === undefined || low === undefined) return;
    const wayMs = Math.max(LEAD.least, this.#use.high ?? 0) + TIMER_MS;
    this.#ahead.set(Math.max(0, low - wayMs, mean - LEAD.most));
  }

  /** The run will be over soon: whoever is first in line may take a picture. Jobs without a grant need not be told. */
  #grantAhead(): void {
    // The next run is complete already: a picture that came now would wait for all of it.
    if (this.#next.length > 0) return;
    const runs = ({ connection, camera }: TurnKey): boolean =>
      this.#running.some((job) => job.connection === connection && job.camera === camera);
    const room = this.#maxBatch - this.#ready.length;
    while (this.#running.length > 0 && this.#outstanding.length < room) {
      if (!this.#giveTo((key) => !runs(key))) return;
    }
  }

  #remember(name: string): void {
    // Deleted first, so that the oldest entry is the one served longest ago.
    this.#served.delete(name);
    this.#served.set(name, this.#grants);
    const [oldest] = this.#served.keys();
    if (this.#served.size > MOST_REMEMBERED && oldest !== undefined) this.#served.delete(oldest);
  }

  #expire(): void {
    const nowMs = this.#clock.nowMs();
    const left = this.#outstanding.filter((entry) => entry.givenMs + this.#grantMs > nowMs);
    this.#grantsExpired += this.#outstanding.length - left.length;
    this.#outstanding = left;
    this.#watchExpiry();
    this.#advance();
  }

  #watchExpiry(): void {
    const [oldest] = this.#outstanding;
    if (oldest) this.#expiry.set(Math.max(0, oldest.givenMs + this.#grantMs - this.#clock.nowMs()));
    else this.#expiry.clear();
  }

  #takeGrants(matches: (key: TurnKey) => boolean): void {
    if (this.#outstanding.length === 0) return;
    this.#outstanding = this.#outstanding.filter((entry) => !matches(entry.key));
    this.#watchExpiry();
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

  #removeJobs(matches: (job: Job) => boolean): J[] {
    const removed = this.#ready.filter(({ job }) => matches(job)).map(({ job }) => job);
    this.#ready = this.#ready.filter(({ job }) => !matches(job));
    this.#line = this.#line.filter((entry) => {
      if (entry.kind !== 'job' || !matches(entry.waiting.job)) return true;
      entry.waiting.deadline?.cancel();
      removed.push(entry.waiting.job);
      return false;
    });
    return removed;
  }
}

function tooLate(job: Job): void {
  job.reject('deadline_exceeded', 'the deadline passed before it was this request’s turn');
}

function nameOf({ connection, camera, consumer }: TurnKey): string {
  return JSON.stringify([connection, camera, consumer]);
}

function sameKey(a: TurnKey, b: TurnKey): boolean {
  return a.connection === b.connection && a.camera === b.camera && a.consumer === b.consumer;
}

import { type Clock, Deadline } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';
import type { Estimate } from './estimate.ts';
import { Grants, type TurnKey } from './grants.ts';
import { DEFAULT_MAX_WAITING, type Job, rejectLate, TurnLine, type Want } from './turn-line.ts';

/** Options of {@link Turns}. */
export interface TurnsOptions<J extends Job> {
  readonly clock: Clock;
  /** Most jobs of one run. Default 1. */
  readonly maxBatch?: number;
  /**
   * Starts the next run with 1 to `maxBatch` jobs: at once when the model is free, otherwise when the current run ends. At
   * most one run is started ahead of the {@link Turns.finished} of the run before it.
   */
  readonly start: (jobs: readonly J[]) => void;
  /** Duration of runs, milliseconds. Read only. Without a value, nothing is granted ahead. */
  readonly runs?: Estimate;
  /** How long a grant may stay unused, milliseconds. Default {@link DEFAULT_GRANT_MS}. */
  readonly grantMs?: number;
  /** Most wants and jobs in the line. Default {@link DEFAULT_MAX_WAITING}. */
  readonly maxWaiting?: number;
}

/** Time to take and scale a frame: usually 1 ms, tens of milliseconds while the camera process decodes a keyframe. */
export const DEFAULT_GRANT_MS = 100;

/** Counters since the start. */
export interface TurnCounters {
  readonly grants: number;
  readonly grantsExpired: number;
}

/**
 * How long before the end of a run the next grants are given, milliseconds: at least `least`, the round trip alone, and not
 * earlier than `most` before the expected end. A frame that waits grows old, and where durations vary a lot (too many
 * processes on too few cores) no lead is right.
 */
const LEAD = { least: 1, most: 5 };
/** How much later than requested a timer may fire: the event loop counts whole milliseconds. */
const TIMER_MS = 1;

/** A job that used its grant, and until when it may start. */
interface ReadyJob<J> {
  readonly job: J;
  readonly untilMs: number;
}

/**
 * Decides which consumer sends the next frame. The model is free, promised (as many grants are outstanding as one run can
 * take), or running.
 *
 * Wants are served round-robin; a job without a grant waits for the wants ahead of it ({@link TurnLine}). No frame waits in
 * the line: a consumer takes its newest frame when it receives the grant.
 *
 * A run takes the frames that have arrived and never waits for more. Frames with a grant that arrive during a run form the
 * next run, before any new grant is given.
 *
 * The next grants are given shortly before a run is expected to end, as early as most grants take to be used
 * (docs/decisions/0028). The frames then arrive as the model becomes free, and not one round trip later. A consumer whose
 * frame is in the run waits for its end.
 *
 * Knows neither sockets nor models; the clock is injected. Calls back synchronously.
 */
export class Turns<J extends Job = Job> {
  readonly #o: TurnsOptions<J>;
  readonly #clock: Clock;
  readonly #maxBatch: number;
  readonly #line: TurnLine<J>;
  readonly #granted: Grants;
  readonly #ahead: Deadline;
  #ready: ReadyJob<J>[] = [];
  /** The current run; empty: the model is free. */
  #running: readonly J[] = [];
  /** The run after it, handed over already: doing that only at the end of the current one would leave the model idle. */
  #next: readonly J[] = [];
  #advancing = false;
  #deferred = false;
  #closed = false;

  constructor(options: TurnsOptions<J>) {
    this.#o = options;
    this.#clock = options.clock;
    this.#maxBatch = options.maxBatch ?? 1;
    this.#line = new TurnLine(options.clock, options.maxWaiting ?? DEFAULT_MAX_WAITING);
    this.#granted = new Grants(options.clock, options.grantMs ?? DEFAULT_GRANT_MS, LEAD.least, () => this.#advance());
    this.#ahead = new Deadline(options.clock, () => this.#grantAhead());
  }

  /** See {@link TurnCounters}. */
  get counters(): TurnCounters {
    return { grants: this.#granted.given, grantsExpired: this.#granted.expired };
  }

  /** Number of waiting wants and jobs. */
  get waiting(): number {
    return this.#line.length + this.#ready.length;
  }

  /**
   * Puts a key in line.
   *
   * @returns undefined, or why not: `bad_request` when the key waits already, `overloaded` when the line is full. In that
   *   case no callback is called.
   */
  want(want: Want): ContainerErrorCode | undefined {
    const problem = this.#line.addWant(want);
    if (problem === undefined) this.#advance();
    return problem;
  }

  /** Takes a key out of the line, or takes its unused grant back. Does nothing when it has neither. */
  unwant(key: TurnKey): void {
    this.#forget((other) => sameKey(other, key));
  }

  /** Submits a job: with a valid grant it is part of the next run, otherwise it waits for its turn or is rejected. */
  submit(job: J): void {
    if (job.grant === undefined) this.#submitWaiting(job);
    else if (this.#granted.use(job.grant, job)) this.#submitGranted(job);
    else job.reject('grant_expired', 'the grant is not valid (any more): ask again');
  }

  /** The oldest started run has ended. Call it exactly once per `start`. */
  finished(): void {
    this.#running = this.#next;
    this.#next = [];
    this.#ahead.clear();
    if (this.#running.length > 0) this.#lookAhead();
    this.#advance();
  }

  /** Withdraws the wants, waiting jobs and grants of a closed connection. Its running job goes on. */
  disconnect(connection: number): void {
    this.#rejectJobs((job) => job.connection === connection, 'the connection was closed');
    this.withdrawWants(connection);
  }

  /** Withdraws the wants and grants of a connection that sends no more. Its waiting jobs stay. */
  withdrawWants(connection: number): void {
    this.#forget((key) => key.connection === connection);
  }

  /** Settles everything that waits and cancels all timers. Nothing may be submitted afterwards. */
  close(): void {
    this.#closed = true;
    this.#granted.close();
    this.#ahead.close();
    this.#line.withdraw(() => true);
    this.#rejectJobs(() => true, 'the container is stopping');
  }

  #submitGranted(job: J): void {
    const untilMs = job.deadlineMs === undefined ? Infinity : this.#clock.nowMs() + job.deadlineMs;
    this.#ready.push({ job, untilMs });
    if (this.#granted.outstanding > 0) this.#advanceAfterReading();
    else if (this.#running.length === 0) this.#advance();
    else this.#startNext();
  }

  #submitWaiting(job: J): void {
    if (!this.#line.addJob(job)) return;
    this.#advance();
    this.#line.watchDeadline(job);
  }

  /** Hands over the next run: every grant given during the current one has been used. */
  #startNext(): void {
    if (this.#next.length > 0) return;
    const jobs = this.#takeReady();
    if (jobs.length === 0) return;
    this.#next = jobs;
    this.#o.start(jobs);
  }

  /** Waits for the other granted frames that were read in the same turn of the event loop: they belong to the same run. */
  #advanceAfterReading(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    setImmediate(() => {
      this.#deferred = false;
      this.#advance();
    });
  }

  // A loop, not a recursion: a run that ends at once (its frame does not exist) calls `finished` inside `start`.
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#running.length === 0 && !this.#closed && this.#step());
    } finally {
      this.#advancing = false;
    }
  }

  /** Starts a run or gives a grant. Returns whether there was anything to do. */
  #step(): boolean {
    const jobs = this.#nextRun();
    if (jobs.length === 0) return this.#granted.outstanding < this.#maxBatch && this.#giveTo(() => true);
    this.#running = jobs;
    this.#lookAhead();
    this.#o.start(jobs);
    return true;
  }

  /** Granted frames that have arrived, then jobs at the head of the line; empty while there are grants only. */
  #nextRun(): J[] {
    const jobs = this.#takeReady();
    if (jobs.length === 0 && this.#granted.outstanding > 0) return jobs;
    return [...jobs, ...this.#line.takeJobs(this.#maxBatch - jobs.length)];
  }

  /** Granted frames that have arrived, as many as one run takes; rejects those whose deadline has passed. */
  #takeReady(): J[] {
    const jobs: J[] = [];
    while (jobs.length < this.#maxBatch) {
      const ready = this.#ready.shift();
      if (!ready) break;
      if (ready.untilMs > this.#clock.nowMs()) jobs.push(ready.job);
      else rejectLate(ready.job);
    }
    return jobs;
  }

  #giveTo(allowed: (key: TurnKey) => boolean): boolean {
    const want = this.#line.takeWant(allowed);
    want?.give(this.#granted.give(want.key));
    return want !== undefined;
  }

  #lookAhead(): void {
    const { mean, low } = this.#o.runs ?? {};
    if (mean === undefined || low === undefined) return;
    const leadMs = Math.max(LEAD.least, this.#granted.useMs) + TIMER_MS;
    this.#ahead.set(Math.max(0, low - leadMs, mean - LEAD.most));
  }

  /** The run will end soon: the first consumers in the line may take a frame. */
  #grantAhead(): void {
    // The next run is complete already: a frame that arrived now would wait for all of it.
    if (this.#next.length > 0) return;
    const isRunning = ({ connection, camera }: TurnKey): boolean =>
      this.#running.some((job) => job.connection === connection && job.camera === camera);
    const room = this.#maxBatch - this.#ready.length;
    while (this.#running.length > 0 && this.#granted.outstanding < room) {
      if (!this.#giveTo((key) => !isRunning(key))) return;
    }
  }

  #forget(matches: (key: TurnKey) => boolean): void {
    this.#line.withdraw(matches);
    this.#granted.takeBack(matches);
    this.#advance();
  }

  #rejectJobs(matches: (job: Job) => boolean, message: string): void {
    const removed = this.#ready.filter(({ job }) => matches(job)).map(({ job }) => job);
    this.#ready = this.#ready.filter(({ job }) => !matches(job));
    for (const job of [...removed, ...this.#line.removeJobs(matches)]) job.reject('closing', message);
  }
}

function sameKey(a: TurnKey, b: TurnKey): boolean {
  return a.connection === b.connection && a.camera === b.camera && a.consumer === b.consumer;
}

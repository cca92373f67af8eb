import { rmSync } from 'node:fs';
import {
  Channel,
  type ChannelOptions,
  type Clock,
  codeOf,
  every,
  type Log,
  type LogRecord,
  messageOf,
  type StartGate,
  SupervisedChild,
  type Timer,
  type Vocabulary,
} from '@vigia/base';
import { anonymousBytesOf } from '#core/memory';
import { formatBytes } from '#core/terminal';

const RESTART = { firstMs: 100, maxMs: 10_000 };
const WATCH_MS = 1_000;
/** Looks in a row above its limit. */
const LARGE_TICKS = 3;

/** Options of {@link WatchedChild}. */
export interface WatchedChildOptions<Out extends Vocabulary, In extends Vocabulary>
  extends Pick<ChannelOptions<Out, In>, 'speaks' | 'hears' | 'handlers'> {
  /** `ingest:hall`, for the log. */
  readonly name: string;
  /** The JavaScript file to run. */
  readonly entry: string;
  readonly clock: Clock;
  /** Lets it start in its turn. Default: at once. */
  readonly gate?: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  /** Further environment variables. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Where the process listens, if it is a file. One that was killed leaves it behind. */
  readonly socketPath?: string;
  /** Asks a new process to set itself up. Its refusal is why it ends. */
  readonly setUp: (link: Channel<Out, In>, deadlineMs: number) => Promise<unknown>;
  readonly readyMs: number;
  readonly stopMs: number;
  /** Once ready, the process counts as hung after so many seconds in which {@link WatchedChild.heard} was not called. */
  readonly silentTicks: number;
  /** Once a second, for a process that runs. */
  readonly look?: () => void;
  /** What its process may use, anonymous bytes. A process above it for {@link LARGE_TICKS} looks is killed. Default: anything. */
  readonly memoryLimit?: () => number;
  /** It has ended and another one follows. `ended` completes "it "; `failure`: its own sentence, if it gave itself up, or was killed with one. */
  readonly onEnd: (ended: string, failure: string | undefined) => void;
}

/** A process that the node restarts when it ends, hangs or is killed; and the channel to it. */
export class WatchedChild<Out extends Vocabulary, In extends Vocabulary> {
  readonly #o: WatchedChildOptions<Out, In>;
  readonly #child: SupervisedChild;
  #watch: Timer | undefined;
  /** Undefined until it is ready. */
  #silentTicks: number | undefined;
  #largeTicks = 0;
  #failure: string | undefined;
  /** To its present process, or to the last one: what is said to one that is gone is lost. */
  link: Channel<Out, In> | undefined;

  constructor(options: WatchedChildOptions<Out, In>) {
    this.#o = options;
    const { name, entry, clock, gate, log, onLog, variables, stopMs, readyMs } = options;
    const { speaks, hears, handlers, setUp } = options;
    this.#child = new SupervisedChild({
      name,
      entry,
      // For who lists processes.
      args: [name],
      clock,
      ...(gate ? { gate } : {}),
      log,
      onLog,
      ...(variables ? { variables } : {}),
      stopMs,
      readyTimeoutMs: readyMs,
      restart: RESTART,
      connect: (port) => {
        const onProblem = (problem: Error): void => log.warn(problem.message);
        const link = new Channel<Out, In>({ peer: name, port, clock, speaks, hears, handlers, onProblem });
        this.link = link;
        setUp(link, readyMs).catch((error: unknown) => {
          if (codeOf(error) === 'start_failed') this.#failure = messageOf(error);
        });
        return link;
      },
      onState: (child) => {
        this.#silentTicks = child.state === 'ready' ? 0 : undefined;
        if (child.state !== 'waiting') return;
        const failure = this.#failure;
        this.#failure = undefined;
        options.onEnd(child.reason, failure);
      },
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Starts after the first. */
  get restarts(): number {
    return this.#child.restarts;
  }

  /** Starts the process; returns at once. */
  start(): void {
    this.#child.start();
    this.#watch = every(this.#o.clock, WATCH_MS, () => this.#look());
  }

  /** Resolves when it has exited. */
  async stop(): Promise<void> {
    this.#watch?.cancel();
    await this.#child.stop();
    if (this.#o.socketPath !== undefined) rmSync(this.#o.socketPath, { force: true });
  }

  /** It said something: it does not hang. */
  heard(): void {
    if (this.#silentTicks !== undefined) this.#silentTicks = 0;
  }

  /**
   * Kills the process; another one follows.
   *
   * @param why Completes "ingest:hall ", for the log.
   * @param failure The sentence for `onEnd`.
   */
  kill(why: string, failure?: string): void {
    this.#failure = failure;
    this.#o.log.warn(`${this.#o.name} ${why}, killed`);
    this.#child.kill();
  }

  /** Counts ticks, not time: a supervisor that was itself suspended kills nothing. */
  #look(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    this.#o.look?.();
    this.#weigh(pid);
    if (this.#silentTicks === undefined) return;
    this.#silentTicks += 1;
    if (this.#silentTicks < this.#o.silentTicks) return;
    this.#silentTicks = 0;
    this.kill(`has said nothing for ${this.#o.silentTicks} s`);
  }

  /** What it takes from outside is bounded before it is kept; this holds when a library leaks. */
  #weigh(pid: number): void {
    const { memoryLimit } = this.#o;
    if (!memoryLimit) return;
    const [bytes, limit] = [anonymousBytesOf([pid]), memoryLimit()];
    this.#largeTicks = bytes > limit ? this.#largeTicks + 1 : 0;
    if (this.#largeTicks < LARGE_TICKS) return;
    this.#largeTicks = 0;
    const why = `uses ${formatBytes(bytes)} of memory, ${formatBytes(limit)} are allowed`;
    this.kill(why, `its process ${why}`);
  }
}

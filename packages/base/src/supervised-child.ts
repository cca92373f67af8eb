import { type ChildProcess, fork } from 'node:child_process';
import { Backoff, type BackoffOptions } from './backoff.ts';
import type { ChannelPort } from './channel.ts';
import { childEnvironment } from './child-environment.ts';
import type { Clock, Timer } from './clock.ts';
import { codeOf, messageOf } from './errors.ts';
import { LineSplitter } from './line-splitter.ts';
import { type Log, type LogRecord, parseLogLine } from './log.ts';
import { ipcPort, isLifecycle } from './parent-channel.ts';
import type { StartGate, StartPlace } from './start-gate.ts';

/**
 * starting: the process runs and has not sent `ready`. ready: it has. waiting: it died and will be restarted after
 * `retryInMs`. stopped: `stop` was called and it has exited, or has been given up.
 */
export type ChildState =
  | { readonly state: 'starting'; readonly pid: number | undefined }
  | { readonly state: 'ready'; readonly pid: number | undefined }
  | { readonly state: 'waiting'; readonly reason: string; readonly retryInMs: number }
  | { readonly state: 'stopped' };

/** Options of {@link SupervisedChild}. */
export interface SupervisedChildOptions {
  /** `camera:hall`, for the log. */
  readonly name: string;
  /** The JavaScript file to run. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Names of environment variables that it needs besides those that every child gets. */
  readonly environment?: readonly string[];
  /** Further variables, such as `UV_THREADPOOL_SIZE`. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Log lines of the child. */
  readonly onLog: (record: LogRecord) => void;
  /** Called with each new process, before it is ready: returns what hears its messages. A {@link Channel} fits. */
  readonly connect?: (port: ChannelPort) => ChildConnection;
  /** The process reported that it is ready; `message` is as it came. */
  readonly onReady?: (message: unknown) => void;
  readonly onState: (state: ChildState) => void;
  /** A process that is not ready by then is killed. Milliseconds. */
  readonly readyTimeoutMs: number;
  readonly restart: BackoffOptions;
  /** Lets it start in its turn. Default: at once. */
  readonly gate?: StartGate;
  /** How long the child may take to close its resources after `stop`, before SIGTERM. Default 700 ms. */
  readonly stopMs?: number;
}

/** What hears the messages of one process. */
export interface ChildConnection {
  /** Every message but `ready`. Runs in the parent: must not throw. */
  receive(message: unknown): void;
  /** The process has ended; `why` completes "it ". */
  close(why: string): void;
}

/** How long a stopping child may take before SIGTERM, and after that before SIGKILL. Milliseconds. */
const STOP_MS = 700;
const TERM_MS = 300;
/**
 * How long to wait for its end after SIGKILL. A process stuck in the kernel (a driver that hangs) is left behind, and
 * named. Milliseconds.
 */
const GIVE_UP_MS = 500;
/** A process that lived this long resets the back-off. */
const HEALTHY_MS = 30_000;

/**
 * A Node process that is restarted when it dies. The IPC channel is its lifeline: a child exits when the channel
 * closes, so that none outlives its parent (see `endWithParent`).
 */
export class SupervisedChild {
  readonly #o: SupervisedChildOptions;
  readonly #backoff: Backoff;
  readonly #place: StartPlace | undefined;
  #child: ChildProcess | undefined;
  #connection: ChildConnection | undefined;
  #timer: Timer | undefined;
  #startedMs = 0;
  #starts = 0;
  #stopping: Promise<void> | undefined;
  #exited: (() => void) | undefined;

  constructor(options: SupervisedChildOptions) {
    this.#o = options;
    this.#backoff = new Backoff(options.restart);
    this.#place = options.gate?.place();
  }

  /** Restarts: starts after the first. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process, in its turn; returns at once. */
  start(): void {
    if (this.#stopping || this.#child) return;
    if (this.#place) this.#place.take(() => this.#launch());
    else this.#launch();
  }

  #launch(): void {
    this.#starts += 1;
    this.#startedMs = this.#o.clock.nowMs();
    let child: ChildProcess;
    try {
      child = this.#fork();
    } catch (error) {
      this.#retry(`cannot be started (${codeOf(error) ?? messageOf(error)})`);
      return;
    }
    this.#child = child;
    this.#forwardLines(child);
    child.on('message', (message) => this.#onMessage(child, message));
    child.on('error', (error) => this.#onError(child, error));
    child.once('exit', (code, signal) =>
      this.#onExit(child, signal === null ? `exited with code ${code}` : `was ended by ${signal}`),
    );
    this.#timer = this.#o.clock.after(this.#o.readyTimeoutMs, () => {
      this.#o.log.warn(`${this.#o.name}: not ready within ${this.#o.readyTimeoutMs} ms, killed`);
      child.kill('SIGKILL');
    });
    this.#o.onState({ state: 'starting', pid: child.pid });
    this.#connection = this.#o.connect?.(ipcPort(child));
  }

  /** Stops the process: message, SIGTERM, SIGKILL. Resolves when it has exited. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Kills the process; it will be restarted. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #stop(): Promise<void> {
    this.#timer?.cancel();
    this.#place?.leave();
    const child = this.#child;
    if (child) {
      const gone = new Promise<void>((resolve) => {
        this.#exited = resolve;
      });
      if (child.connected) child.send({ type: 'stop' }, () => undefined);
      const { clock, stopMs = STOP_MS } = this.#o;
      const timers = [
        clock.after(stopMs, () => child.kill('SIGTERM')),
        clock.after(stopMs + TERM_MS, () => {
          this.#o.log.warn(`${this.#o.name} did not stop within ${stopMs + TERM_MS} ms, killed`);
          child.kill('SIGKILL');
        }),
        clock.after(stopMs + TERM_MS + GIVE_UP_MS, () => this.#leave(child)),
      ];
      await gone;
      for (const timer of timers) timer.cancel();
    }
    this.#o.onState({ state: 'stopped' });
  }

  #fork(): ChildProcess {
    // execArgv is empty: conditions and loaders of a development run must not reach the children.
    return fork(this.#o.entry, [...(this.#o.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: { ...childEnvironment(this.#o.environment), ...this.#o.variables },
      execArgv: [],
    });
  }

  /** It survives SIGKILL: none of its handles may keep this process alive. */
  #leave(child: ChildProcess): void {
    this.#o.log.error(`${this.#o.name} (process ${child.pid}) did not go, not even after SIGKILL; left behind`);
    this.#child = undefined;
    this.#disconnect('outlived SIGKILL');
    child.unref();
    child.channel?.unref();
    child.stdout?.destroy();
    child.stderr?.destroy();
    this.#exited?.();
  }

  #disconnect(why: string): void {
    this.#connection?.close(why);
    this.#connection = undefined;
  }

  #onMessage(child: ChildProcess, message: unknown): void {
    if (child !== this.#child) return;
    if (!isLifecycle(message)) {
      this.#connection?.receive(message);
      return;
    }
    if (message.type !== 'ready') return;
    this.#timer?.cancel();
    this.#place?.leave();
    this.#o.onReady?.(message);
    if (!this.#stopping) this.#o.onState({ state: 'ready', pid: child.pid });
  }

  /**
   * A process that could not be started (no process ids or descriptors left) emits no `exit`, and must be retried as
   * well.
   */
  #onError(child: ChildProcess, error: Error): void {
    if (child.pid === undefined) this.#onExit(child, `cannot be started (${codeOf(error) ?? error.message})`);
    else this.#o.log.error(`${this.#o.name}: ${error.message}`);
  }

  #onExit(child: ChildProcess, reason: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    this.#disconnect(reason);
    this.#timer?.cancel();
    if (this.#stopping) {
      this.#exited?.();
      return;
    }
    if (this.#o.clock.nowMs() - this.#startedMs > HEALTHY_MS) this.#backoff.reset();
    this.#retry(reason);
  }

  #retry(reason: string): void {
    this.#place?.leave();
    const retryInMs = this.#backoff.next();
    this.#o.log.warn(`${this.#o.name} ${reason}; starting it again in ${Math.round(retryInMs)} ms`);
    this.#o.onState({ state: 'waiting', reason, retryInMs });
    this.#timer = this.#o.clock.after(retryInMs, () => this.start());
  }

  #forwardLines(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      const lines = new LineSplitter((line) => this.#o.onLog(parseLogLine(line, this.#o.name)));
      stream?.setEncoding('utf8');
      stream?.on('data', (chunk: string) => lines.push(chunk));
      stream?.on('end', () => lines.end());
    }
  }
}

/** How long a child may take to close its resources after its parent has exited. Milliseconds. */
const ORPHAN_MS = 800;

/**
 * Ends a child process when its parent stops it or dies, or on SIGTERM. Call it in every child. SIGINT and SIGHUP are
 * left to the parent: a terminal sends them to the whole group, and a child that died of them would leave its resources
 * behind.
 *
 * @param close Releases what the process holds; it exits afterwards, at the latest after `closeMs` (default 800).
 *   `orphaned`: the parent died without a message.
 */
export function endWithParent(
  clock: Clock,
  close: (orphaned: boolean) => Promise<void>,
  closeMs: () => number = () => ORPHAN_MS,
): void {
  let ending = false;
  const end = (orphaned: boolean): void => {
    if (ending) return;
    ending = true;
    clock.after(closeMs(), () => process.exit(1), { unref: true });
    close(orphaned).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  // The parent's pipes are gone too: a failing log line must not end this process before it has cleaned up.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', () => undefined);
  process.on('disconnect', () => end(true));
  process.on('SIGTERM', () => end(false));
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('message', (message) => {
    if (isLifecycle(message) && message.type === 'stop') end(false);
  });
  if (!process.connected && process.send !== undefined) end(true);
}

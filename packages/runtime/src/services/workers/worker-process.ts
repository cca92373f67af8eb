import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Clock, codeOf, LineSplitter, type Log, messageOf, type Timer, TimeShare } from '@vigia/base';
import type { FromWorker, SlaClass } from '@vigia/contracts';
import { applyCpuShare } from '#core/cpu';
import { WORKER_GIVE_UP_MS, WORKER_STOP_MS, type WorkerConsumerSetup } from '#core/camera-link';
import { raiseOomScore } from '#core/memory';
import { killGroup, registerWorkerGroup } from '#core/node-dirs';
import { encodeMessage } from './frame-message.ts';
import type { EndReason } from './lifecycle.ts';
import { environmentOf, type WorkerPlace } from './worker-environment.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';
import { WorkerMessages } from './worker-messages.ts';

/**
 * How long to wait for the end of a killed worker before a successor starts: freeing the memory of a large process or of a
 * GPU takes time, and the successor needs it. Milliseconds.
 */
const KILLED_GIVE_UP_MS = 30_000;
/** When CPU share and priority are set again: by then the worker's threads exist. Milliseconds. */
const SHARE_AGAIN_MS = 1_000;
/** How long to read the last lines from its pipe after the process has ended. Milliseconds. */
const LAST_LINES_MS = 200;
/** A process that has closed its input and runs this long afterwards reads no more frames. Milliseconds. */
const INPUT_CLOSED_MS = 500;
/**
 * How much of a second the camera's process may spend on a worker's messages and results, by class: beyond that it reads none
 * until the second is over. Milliseconds.
 */
const MESSAGES_MS_PER_SECOND: Readonly<Record<SlaClass, number>> = {
  critical: 250,
  high: 150,
  normal: 100,
  'best-effort': 50,
};
/** Standard error is read at this rate at most: a faster worker waits in its own `write`. */
const LINES_BYTES_PER_SECOND = 256 * 1024;
const SECOND_MS = 1_000;

const STOP = encodeMessage({ type: 'stop' });

/**
 * One process of a worker, in a process group of its own: frames on its standard input, messages on its standard output,
 * a log on its standard error. Owns the process, its pipes, and its entry in the node's list of process groups.
 */
export class WorkerProcess implements WorkerLink {
  readonly #clock: Clock;
  readonly #events: WorkerLinkEvents;
  readonly #child: ChildProcess;
  readonly #messages = new WorkerMessages();
  readonly #share: TimeShare;
  readonly #log: Log;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  #forget: () => void = () => undefined;
  #lastLines: () => void = () => undefined;
  #timers: Timer[] = [];
  #lineBytes = 0;
  #lineSecondMs = 0;
  /** Whether its messages are ignored from now on. */
  #deaf = false;
  #exited = false;
  #ended = false;
  #stopping = false;

  /** Starts the process. A failure to start is reported by `onExit`. */
  constructor(setup: WorkerConsumerSetup, place: WorkerPlace, clock: Clock, log: Log, events: WorkerLinkEvents) {
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
    this.#share = new TimeShare(MESSAGES_MS_PER_SECOND[setup.sla]);
    this.#gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.#child = spawnWorker(setup, place);
    const { pid, stdin, stdout, stderr } = this.#child;
    // First of all: processes that it starts inherit the score.
    if (pid !== undefined) raiseOomScore(pid, setup.sla);
    this.#child.once('error', (error) => {
      if (pid === undefined) this.#end(notStarted(error));
    });
    this.#child.once('exit', (code, signal) => this.#onExit(code, signal));
    // A worker that stops reading is no error of ours: its exit, if there is one, has the reason.
    stdin?.on('error', () => this.#later(INPUT_CLOSED_MS, () => this.#inputClosed()));
    if (stdout) this.#readMessages(stdout);
    if (stderr) this.#readLines(stderr);
    if (pid !== undefined) this.#register(pid, setup, place);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Writes a message, with its tail in the same system call. The caller must not change `tail` until the answer. */
  write(head: Buffer, tail?: Buffer): void {
    const { stdin } = this.#child;
    if (!stdin?.writable) return;
    if (!tail) {
      stdin.write(head);
      return;
    }
    stdin.cork();
    stdin.write(head);
    stdin.write(tail);
    stdin.uncork();
  }

  stop(): Promise<void> {
    if (this.#stopping || this.#ended) return this.#gone;
    this.#stopping = true;
    this.#deaf = true;
    const { pid, stdin } = this.#child;
    if (pid === undefined) return this.#gone;
    if (stdin?.writable) {
      stdin.write(STOP);
      stdin.end();
    }
    const { term, kill } = WORKER_STOP_MS;
    this.#later(term, () => void killGroup(pid, 'SIGTERM'));
    this.#later(term + kill, () => this.kill());
    return this.#gone;
  }

  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#ended) return;
    this.#deaf = true;
    killGroup(pid, 'SIGKILL');
    this.#later(this.#stopping ? WORKER_GIVE_UP_MS : KILLED_GIVE_UP_MS, () => {
      const message = `did not go, not even after SIGKILL (process ${pid}); left behind`;
      this.#log.error(message);
      this.#end({ code: 'left_behind', message });
    });
  }

  /** Records its process group, and sets its CPU share. */
  #register(pid: number, setup: WorkerConsumerSetup, { runDir, camera }: WorkerPlace): void {
    try {
      this.#forget = registerWorkerGroup(runDir, camera, pid);
    } catch (error) {
      this.#log.warn(`worker ${setup.id}: its process group could not be recorded (${messageOf(error)})`);
    }
    const share = (): void => applyCpuShare(pid, setup.worker.cpu, `worker ${setup.id}`, this.#log);
    share();
    // Once more when its threads exist, and for a kernel that was busy with another worker's share.
    this.#later(SHARE_AGAIN_MS, share);
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    const { pid } = this.#child;
    // Kills the processes that it started: a grandchild would also hold the pipes open.
    if (pid !== undefined) killGroup(pid, 'SIGKILL');
    // From here on, only its last lines are left in the pipe.
    this.#exited = true;
    this.#child.stderr?.resume();
    const reason = exitReason(code, signal);
    this.#child.once('close', () => this.#end(reason));
    this.#later(LAST_LINES_MS, () => this.#end(reason));
  }

  #end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deaf = true;
    for (const timer of this.#timers) timer.cancel();
    const { stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    this.#lastLines();
    this.#child.unref();
    this.#forget();
    this.#events.onExit(reason);
    this.#resolveGone();
  }

  #inputClosed(): void {
    if (!this.#deaf && !this.#exited) this.#events.onInputClosed();
  }

  #readMessages(stdout: Readable): void {
    stdout.on('data', (chunk: Buffer) => {
      if (this.#deaf) return;
      const beganMs = this.#clock.nowMs();
      this.#hear(chunk, beganMs);
      this.#slowMessages(stdout, beganMs);
    });
    stdout.on('error', () => undefined);
  }

  #hear(chunk: Buffer, nowMs: number): void {
    const messages: FromWorker[] = [];
    let broken: unknown;
    try {
      this.#messages.push(chunk, nowMs, (message) => messages.push(message));
    } catch (error) {
      broken = error;
    }
    // Outside of the try: an error of ours is no protocol error of the worker's.
    for (const message of messages) if (!this.#deaf) this.#events.onMessage(message);
    if (broken === undefined || this.#deaf) return;
    // The stream cannot be aligned again.
    this.#deaf = true;
    this.#events.onProtocolError(messageOf(broken));
  }

  /** A worker whose messages cost much time must not keep the camera's process from its other work. */
  #slowMessages(stdout: Readable, beganMs: number): void {
    const waitMs = this.#share.spent(beganMs, this.#clock.nowMs());
    if (waitMs === undefined || this.#deaf) return;
    stdout.pause();
    this.#later(waitMs, () => stdout.resume());
  }

  #readLines(stderr: Readable): void {
    const lines = new LineSplitter((line) => this.#events.onLine(line));
    stderr.setEncoding('utf8');
    stderr.on('data', (chunk: string) => {
      lines.push(chunk);
      this.#slowDown(stderr, chunk.length);
    });
    stderr.on('end', () => lines.end());
    // The pipe may never end while another process holds it: an unfinished line is reported all the same.
    this.#lastLines = () => lines.end();
    stderr.on('error', () => undefined);
  }

  /** A worker that writes without end must not keep the camera's process busy. */
  #slowDown(stderr: Readable, bytes: number): void {
    const now = this.#clock.nowMs();
    if (now - this.#lineSecondMs >= SECOND_MS) {
      this.#lineSecondMs = now;
      this.#lineBytes = 0;
    }
    this.#lineBytes += bytes;
    if (this.#exited || this.#lineBytes < LINES_BYTES_PER_SECOND) return;
    stderr.pause();
    this.#later(this.#lineSecondMs + SECOND_MS - now, () => stderr.resume());
  }

  #later(ms: number, fn: () => void): void {
    if (this.#ended) return;
    const timer = this.#clock.after(ms, () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
      fn();
    });
    this.#timers.push(timer);
  }
}

function spawnWorker(setup: WorkerConsumerSetup, place: WorkerPlace): ChildProcess {
  const { program } = setup.worker;
  const [file = '', ...args] = 'command' in program ? program.command : [];
  const dir = 'command' in program ? program.dir : undefined;
  return spawn(file, args, {
    ...(dir === undefined ? {} : { cwd: dir }),
    env: environmentOf(setup, place),
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process group, and a session, of its own: signals of a terminal do not reach it, and ours reach all of it.
    detached: true,
  });
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): EndReason {
  return signal === null
    ? { code: 'exited', message: `exited with code ${code}` }
    : { code: 'signalled', message: `was ended by ${signal}` };
}

function notStarted(error: Error): EndReason {
  const code = codeOf(error);
  const why = code === 'ENOENT' ? 'no such program, or no such folder' : code === 'EACCES' ? 'not executable' : code;
  return { code: 'not_started', message: `cannot be started (${why ?? error.message})` };
}

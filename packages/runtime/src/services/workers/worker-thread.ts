import type { Readable } from 'node:stream';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type Clock, LineSplitter, messageOf } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import type { ThreadSeatHandle } from '@vigia/frame-supplier';
import { WORKER_STOP_MS, type WorkerConsumerSetup } from '#core/camera-link';
import type { EndReason } from './lifecycle.ts';
import { environmentOf, workerEnv, type WorkerPlace } from './worker-environment.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';
import { checkedMessage, MessageRate } from './worker-messages.ts';

/** A thread that is not gone so long after it was ended hangs in native code. Milliseconds. */
const UNENDING_MS = 2_000;

/** One of the two streams that a thread prints to. A splitter of its own: half a line of one must not go on in the other. */
interface Printed {
  readonly stream: Readable;
  readonly lines: LineSplitter;
}

/**
 * One thread of a worker, in the camera's own process: messages over a port, frames by the thread transport of the frame
 * supplier. Owns the thread. Code that hangs in native functions cannot be ended, and what crashes there takes the
 * camera's process with it: for code that is trusted as much as vigia itself.
 */
export class WorkerThread implements WorkerLink {
  readonly pid = undefined;
  readonly #clock: Clock;
  readonly #events: WorkerLinkEvents;
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  #error: Error | undefined;
  readonly #rate = new MessageRate();
  readonly #printed: readonly Printed[];
  readonly #onUnending: () => void;
  #deaf = false;
  #ended = false;
  #stopping = false;

  /**
   * @param onUnending It hangs where nothing can end it: only the end of the process will.
   * @throws what Worker throws for a file that is none.
   */
  constructor(
    setup: WorkerConsumerSetup,
    place: WorkerPlace,
    clock: Clock,
    events: WorkerLinkEvents,
    onUnending: () => void,
  ) {
    this.#clock = clock;
    this.#onUnending = onUnending;
    this.#events = events;
    this.#gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    const { program } = setup.worker;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#thread = new Worker('module' in program ? program.module : '', {
      workerData: { vigiaWorker: { port: port2, env: workerEnv(setup, place) } },
      // A copy of its own: without the secrets of others, and what it changes there is its own affair.
      env: environmentOf(setup, place),
      transferList: [port2],
      stdout: true,
      stderr: true,
    });
    port1.on('message', (message: unknown) => this.#onMessage(message));
    this.#printed = [this.#thread.stdout, this.#thread.stderr].map((stream) => this.#readLines(stream));
    this.#thread.on('error', (error) => {
      this.#error = error;
      this.#endLines();
      events.onLine(error.stack ?? error.message);
    });
    this.#thread.once('exit', (code) => this.#onExit(code));
  }

  /** Gives it a seat at the supplier. */
  seat(handle: ThreadSeatHandle): void {
    this.#port.postMessage({ type: 'seat', handle }, [handle.port]);
  }

  /** Hears at once what the thread has said already: a result is posted before the next frame is asked for. */
  drain(): void {
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port))
      this.#onMessage(next.message);
  }

  stop(): Promise<void> {
    if (this.#stopping || this.#ended) return this.#gone;
    this.#stopping = true;
    this.#deaf = true;
    this.#port.postMessage({ type: 'stop' });
    const timer = this.#clock.after(WORKER_STOP_MS.term, () => this.kill());
    return this.#gone.finally(() => timer.cancel());
  }

  kill(): void {
    this.#deaf = true;
    void this.#thread.terminate();
    // JavaScript is ended wherever it is; native code is not.
    const timer = this.#clock.after(UNENDING_MS, this.#onUnending);
    void this.#gone.then(() => timer.cancel());
  }

  #onMessage(message: unknown): void {
    if (this.#deaf) return;
    let checked: FromWorker;
    try {
      this.#rate.count(this.#clock.nowMs());
      checked = checkedMessage(message);
    } catch (error) {
      this.#deaf = true;
      this.#events.onProtocolError(messageOf(error));
      return;
    }
    this.#events.onMessage(checked);
  }

  #readLines(stream: Readable): Printed {
    const lines = new LineSplitter((line) => this.#events.onLine(line));
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => lines.push(chunk));
    return { stream, lines };
  }

  /** Tells all that it has printed by now, an unfinished last line too. */
  #endLines(): void {
    for (const { stream, lines } of this.#printed) {
      // Whatever is read comes as `data`. Left to itself, the stream would give it out after this turn of the loop.
      while (stream.read() !== null);
      lines.end();
    }
  }

  #onExit(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deaf = true;
    this.#port.close();
    this.#endLines();
    this.#events.onExit(this.#reason(code));
    this.#resolveGone();
  }

  #reason(code: number): EndReason {
    return this.#error
      ? { code: 'exited', message: `ended with an error: ${messageOf(this.#error)}` }
      : { code: 'exited', message: `its thread ended with code ${code}` };
  }
}

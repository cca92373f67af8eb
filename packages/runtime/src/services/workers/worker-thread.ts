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

/** A thread that still runs this long after it was terminated hangs in native code. Milliseconds. */
const UNENDING_MS = 2_000;

/** One of the two streams that a thread prints to, each with its own splitter: their half lines must not be joined. */
interface Printed {
  readonly stream: Readable;
  readonly lines: LineSplitter;
}

/**
 * One thread of a worker, in the camera's own process: messages over a port, frames over the thread transport of the frame
 * supplier. Owns the thread. Nothing can end a thread that hangs in native code, and a crash there ends the camera's
 * process: threads are for code that is trusted as much as vigia itself.
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
   * @param onUnending The thread hangs where nothing can end it: only the end of the process will.
   * @throws the error of Worker for a path that is no module.
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
      // A copy, without the secrets of others; changes by the thread stay there.
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

  /** Reads at once the messages that the thread has posted: it posts a result before it asks for the next frame. */
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
    // Ends JavaScript wherever it runs, but not native code.
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

  /** Reports all lines printed by now, including an unfinished last one. */
  #endLines(): void {
    for (const { stream, lines } of this.#printed) {
      // Reading emits `data`. Without it, the stream would emit the rest after this turn of the loop.
      while (stream.read() !== null);
      lines.end();
    }
  }

  #onExit(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    // What it posted last may still wait in the port: an answer, or why it ended.
    this.drain();
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

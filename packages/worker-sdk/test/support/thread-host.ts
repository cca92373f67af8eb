import { once } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type FromWorker, fromWorkerSchema } from '@vigia/contracts';
import { CountedFrame, FrameSupplier, packedShape, ThreadFrameServer } from '@vigia/frame-supplier';
import type { TestPicture } from './frames.ts';
import { type StartOptions, workerEnv } from './process-host.ts';

/** Content of a picture: the given pixels, or one value throughout. */
type Shown = number | Uint8Array;

/** The host's end of a worker thread, with a supplier of pictures of one size. */
export class ThreadHost {
  readonly worker: Worker;
  readonly exited: Promise<number>;
  readonly supplier = new FrameSupplier<CountedFrame<Shown>>();
  /** All messages of the worker. */
  readonly heard: FromWorker[] = [];
  /** The number of results received when each picture was rendered for the worker. */
  readonly resultsAtRender: number[] = [];
  readonly #port: MessagePort;
  readonly #server: ThreadFrameServer<CountedFrame<Shown>>;
  #waiting: (() => void)[] = [];

  constructor(
    file: string,
    options: StartOptions = {},
    { format, width, height }: TestPicture = { format: 'GRAY8', width: 4, height: 2 },
  ) {
    const shape = packedShape(format, width, height);
    this.supplier.start();
    this.#server = new ThreadFrameServer({
      supplier: this.supplier,
      rendition: { shape, render: (frame, pixels) => this.#render(frame.value, pixels.subarray(0, shape.byteLength)) },
    });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.worker = new Worker(file, {
      workerData: { vigiaWorker: { port: port2, env: workerEnv(options) } },
      transferList: [port2],
      stdout: true,
      stderr: true,
    });
    // What it posted last may still wait in the port.
    this.exited = once(this.worker, 'exit').then(([code]) => {
      this.#drain();
      return code as number;
    });
    port1.on('message', (message: unknown) => this.#hear(message));
  }

  /** Gives the worker its seat, in answer to `ready`. */
  seat(): void {
    const handle = this.#server.admit('its-id');
    this.post({ type: 'seat', handle }, [handle.port]);
  }

  post(message: object, transfer: readonly MessagePort[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  publish(shown: Shown): void {
    this.supplier.publish(new CountedFrame(shown, this.supplier.clock.nowMs()));
  }

  /** Waits until the worker has sent that many messages. */
  async until(heard: number): Promise<void> {
    while (this.heard.length < heard) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  /** Counts of the seat; undefined once it is free. */
  report(): ReturnType<ThreadFrameServer<CountedFrame<Shown>>['report']> {
    return this.#server.report('its-id');
  }

  /** Cuts the worker off in both directions. */
  hangUp(): void {
    this.#port.close();
  }

  async close(): Promise<void> {
    await this.worker.terminate();
    this.supplier.stop();
    this.#server.close();
    this.#port.close();
  }

  #render(shown: Shown, pixels: Buffer): void {
    this.#drain();
    this.resultsAtRender.push(this.heard.filter(({ type }) => type === 'result').length);
    pixels.fill(shown);
  }

  #drain(): void {
    for (let got = receiveMessageOnPort(this.#port); got; got = receiveMessageOnPort(this.#port))
      this.#hear(got.message);
  }

  #hear(message: unknown): void {
    this.heard.push(fromWorkerSchema.parse(message));
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

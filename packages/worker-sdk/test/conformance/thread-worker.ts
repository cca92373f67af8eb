import type { FromWorker } from '@vigia/contracts';
import { ThreadHost } from '../support/thread-host.ts';
import type { BrightPicture } from './pictures.ts';
import type { RunningWorker, WorkerStart } from './running-worker.ts';
import type { ThreadSubject } from './subject.ts';

/** A worker in a thread of this process. It gets its seat when it is ready, like from a real host. */
export class ThreadWorker implements RunningWorker {
  readonly exited: Promise<number>;
  readonly #host: ThreadHost;
  #heard = 0;
  #seq = 0;

  constructor({ module }: ThreadSubject, { input, options }: WorkerStart) {
    const { format, width, height } = input;
    this.#host = new ThreadHost(module, { options, input: `${format} ${width}x${height}` }, input);
    this.exited = this.#host.exited;
    void this.#host.until(1).then(() => this.#host.seat());
  }

  async next(): Promise<FromWorker | undefined> {
    this.#heard += 1;
    await Promise.race([this.#host.until(this.#heard), this.exited]);
    return this.#host.heard[this.#heard - 1];
  }

  give({ pixels }: BrightPicture): number {
    this.#host.publish(pixels);
    this.#seq += 1;
    return this.#seq;
  }

  stop(): void {
    this.#host.post({ type: 'stop' });
  }

  hangUp(): void {
    this.#host.hangUp();
  }

  terminate(): void {
    void this.#host.worker.terminate();
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}

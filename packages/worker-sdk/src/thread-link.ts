import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import {
  type Lease,
  openThreadReader,
  type SharedFrame,
  type ThreadFrameReader,
  type ThreadSeatHandle,
} from '@vigia/frame-supplier';
import type { HostLink, LentFrame } from './host-link.ts';

/**
 * Messages of a host to a worker in a thread. `seat` comes once, after `ready`; `handle.port` is transferred with it.
 */
export type ToThreadWorker = { readonly type: 'seat'; readonly handle: ThreadSeatHandle } | { readonly type: 'stop' };

/**
 * The host of a worker thread: protocol messages as plain objects on a port, frames from a seat at a supplier.
 *
 * An answer is posted before its frame is released, so a host that sees the seat become ready finds the answer in the
 * port.
 */
export class ThreadLink implements HostLink {
  readonly #port: MessagePort;
  readonly #cameraId: string;
  readonly #clock: Clock;
  #seat: Promise<ThreadSeatHandle | undefined> | undefined;
  #reader: ThreadFrameReader | undefined;
  #held = false;
  #stopped = false;

  constructor(port: MessagePort, cameraId: string, clock: Clock) {
    this.#port = port;
    this.#cameraId = cameraId;
    this.#clock = clock;
  }

  send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  async next(): Promise<LentFrame | undefined> {
    this.#seat ??= this.#listen();
    const handle = await this.#seat;
    if (!handle || this.#stopped) return undefined;
    this.#reader ??= openThreadReader(handle, this.#clock);
    const lease = await this.#reader.next();
    return lease && this.#lend(lease);
  }

  close(): Promise<void> {
    this.#reader?.close();
    // Not closed: log lines after the worker's loop still use it. The end of the thread closes it.
    this.#port.unref();
    return Promise.resolve();
  }

  /** From here on the port keeps the thread alive. Undefined: the host sent stop, or died, before it gave a seat. */
  #listen(): Promise<ThreadSeatHandle | undefined> {
    return new Promise((resolve) => {
      const stop = (): void => {
        this.#stop();
        resolve(undefined);
      };
      this.#port.on('message', (message: ToThreadWorker) => {
        if (message.type === 'stop') stop();
        else if (message.type === 'seat') resolve(message.handle);
      });
      this.#port.on('close', stop);
    });
  }

  /** A held frame stays whole until its answer: closing the reader now would take its pixels away. */
  #stop(): void {
    this.#stopped = true;
    if (!this.#held) this.#reader?.close();
  }

  #lend(lease: Lease<SharedFrame>): LentFrame {
    const { frame } = lease;
    this.#held = true;
    return {
      facts: {
        cameraId: this.#cameraId,
        seq: frame.seq,
        capturedAt: new Date(frame.capturedWallMs),
        capturedMonotonicNs: BigInt(Math.round(frame.capturedMs * 1e6)),
        sentAgeMs: this.#clock.nowMs() - frame.capturedMs,
        ptsUs: frame.ptsUs,
        width: frame.width,
        height: frame.height,
        format: frame.format,
        planes: frame.planes,
      },
      pixels: frame.pixels,
      whole: () => frame.whole(),
      release: () => {
        this.#held = false;
        lease.release();
      },
    };
  }
}

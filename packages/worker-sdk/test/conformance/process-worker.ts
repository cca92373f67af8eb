import type { FromWorker } from '@vigia/contracts';
import { dataFrame, type FrameMessage, TestSegment } from '../support/frames.ts';
import { ProcessHost } from '../support/process-host.ts';
import type { BrightPicture } from './pictures.ts';
import type { RunningWorker, WorkerStart } from './running-worker.ts';
import type { ProgramSubject } from './subject.ts';

let workers = 0;

/** A worker in a process: frames on its standard input, or in a segment of this host. */
export class ProcessWorker implements RunningWorker {
  readonly host: ProcessHost;
  readonly exited: Promise<number | null>;
  /** Number of the last frame; increase it for gaps. */
  seq = 0;
  readonly #start: WorkerStart;
  readonly #shm: boolean;
  readonly #number: number;
  readonly #segments = new Map<string, TestSegment>();

  constructor({ command, args, env, transport }: ProgramSubject, start: WorkerStart) {
    const { format, width, height } = start.input;
    workers += 1;
    this.#number = workers;
    this.#start = start;
    this.#shm = transport === 'shm';
    const { options } = start;
    this.host = new ProcessHost(command, args, { transport, input: `${format} ${width}x${height}`, options, env });
    this.exited = this.host.closed;
  }

  next(): Promise<FromWorker | undefined> {
    return this.host.next();
  }

  give(picture: BrightPicture): number {
    const frame = this.frame(picture);
    this.host.send(frame);
    return frame.seq;
  }

  /** The next frame, not yet sent. Over shared memory it is in the segment of this name. */
  frame({ format, width, height, pixels }: BrightPicture, segment = 'frames'): FrameMessage {
    this.seq += 1;
    const size = { format, width, height };
    return this.#shm ? this.segment(segment).frame(this.seq, pixels, size) : dataFrame(this.seq, size, pixels);
  }

  /** The segment of this name, created on demand. */
  segment(name: string): TestSegment {
    const known = this.#segments.get(name);
    if (known) return known;
    const path = `/dev/shm/vigia_test_${process.pid}_worker${this.#number}_${name}`;
    const segment = new TestSegment(path, this.#start.input);
    this.#segments.set(name, segment);
    return segment;
  }

  /** Removes the segment of this name; the next one has the same path. */
  dropSegment(name: string): void {
    this.#segments.get(name)?.writer.close();
    this.#segments.delete(name);
  }

  stop(): void {
    this.host.send({ type: 'stop' });
  }

  hangUp(): void {
    this.host.child.stdin.end();
  }

  terminate(): void {
    this.host.child.kill('SIGTERM');
  }

  async close(): Promise<void> {
    this.host.child.kill('SIGKILL');
    for (const name of this.#segments.keys()) this.dropSegment(name);
    // Its remaining output is discarded, and the end comes after it.
    this.host.child.stdout.destroy();
    await this.exited;
  }
}

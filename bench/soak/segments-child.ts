/**
 * The reader of the test of short-lived segments: `SOCKET ID futex|socket`.
 *
 * Takes frames to the end, keeps the pixels of an early one beyond its release, and checks them at the end. Then it
 * prints its findings, and stays until its input ends.
 */
import { once } from 'node:events';
import {
  attachBlockingReader,
  attachReader,
  type BlockingProcessFrameReader,
  type Lease,
  type ProcessFrameReader,
  type SharedFrame,
} from '@vigia/frame-supplier';
import { shapeOfFrame } from './segments-shapes.ts';
import { isWhole } from './shm.ts';

/** Its segment has been removed when the next frame is taken. */
const KEPT_FRAME = 5;

/** Findings of a reader. */
export interface SegmentCounts {
  frames: number;
  expired: number;
  torn: number;
  /** With another size than published. */
  misshapen: number;
  backwards: number;
  /** Bytes of the kept pixels that are not 0 at the end; undefined: none were kept. */
  keptNotZero: number | undefined;
  end: string | undefined;
}

class Taker {
  readonly counts: SegmentCounts = {
    frames: 0,
    expired: 0,
    torn: 0,
    misshapen: 0,
    backwards: 0,
    keptNotZero: undefined,
    end: undefined,
  };
  #kept: Uint8Array | undefined;
  #newest = 0;

  async takeAll(reader: ProcessFrameReader): Promise<void> {
    for (let lease = await reader.next(); lease; lease = await reader.next()) this.#take(lease);
    this.#finish(reader.end);
  }

  takeAllBlocking(reader: BlockingProcessFrameReader): void {
    for (let lease = reader.nextSync(); lease; lease = reader.nextSync()) this.#take(lease);
    this.#finish(reader.end);
  }

  #take(lease: Lease<SharedFrame>): void {
    const { frame } = lease;
    const { seq, pixels } = frame;
    const { width, height } = shapeOfFrame(seq);
    const right = isWhole(pixels, seq);
    if (!frame.whole()) this.counts.expired += 1;
    else if (frame.width !== width || frame.height !== height) this.counts.misshapen += 1;
    else if (!right) this.counts.torn += 1;
    this.counts.frames += 1;
    if (seq <= this.#newest) this.counts.backwards += 1;
    this.#newest = seq;
    if (this.counts.frames === KEPT_FRAME) this.#kept = pixels;
    lease.release();
  }

  #finish(end: string | undefined): void {
    this.counts.end = end;
    this.counts.keptNotZero = this.#kept?.reduce((n, byte) => n + (byte === 0 ? 0 : 1), 0);
  }
}

const [socketPath = '', id = '', wake] = process.argv.slice(2);
const taker = new Taker();
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
if (wake === 'futex') {
  const reader = await attachBlockingReader(socketPath, id);
  say({ attached: true });
  taker.takeAllBlocking(reader);
} else {
  const reader = await attachReader(socketPath, id);
  say({ attached: true });
  await taker.takeAll(reader);
}
say(taker.counts);
process.stdin.resume();
await once(process.stdin, 'end');

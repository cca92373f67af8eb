// `node loop-program.js callback|promise CONSUMERS FPS SECONDS async|callback`: publishes to consumers in the same event
// loop and prints one line (sample-line.ts).
import { sleep, systemClock } from '@vigia/base';
import { FrameSupplier, type Mailbox } from '@vigia/frame-supplier';
import { BenchFrame, PIXEL_BYTES } from './bench-frame.ts';
import { nowNs } from './clock.ts';
import { mostFrames, type Pace, publishWindow } from './publishing.ts';
import { Recorder } from './recorder.ts';

/** For frames in transit when the window ends. */
const SETTLE_MS = 50;

class LoopMeasurement {
  readonly #supplier: FrameSupplier<BenchFrame>;
  readonly #recorder: Recorder;
  readonly #consumers: number;
  readonly #pace: Pace;
  readonly #pixels = Buffer.alloc(PIXEL_BYTES, 7);
  #alive = 0;

  constructor(consumers: number, pace: Pace) {
    this.#consumers = consumers;
    this.#pace = pace;
    this.#recorder = new Recorder(mostFrames(pace), consumers);
    this.#supplier = new FrameSupplier({ clock: systemClock, sourceIntervalMs: () => 1000 / pace.fps });
  }

  /** Measures one window and prints it. */
  async run(mode: string): Promise<void> {
    const readers: Promise<void>[] = [];
    for (let i = 0; i < this.#consumers; i += 1) {
      if (mode === 'callback') this.#subscribeCallback(`c${i}`);
      else readers.push(this.#readPromises(this.#supplier.subscribe(`c${i}`)));
    }
    this.#supplier.start();
    const perSecond = await publishWindow(this.#pace, this.#publish, () => this.#recorder.clear());
    await sleep(systemClock, SETTLE_MS);
    this.#supplier.stop();
    await Promise.all(readers);
    // Measuring something that loses frames would be pointless.
    if (this.#alive !== 0) throw new Error(`${this.#alive} frames were never given back`);
    process.stdout.write(`${JSON.stringify(this.#recorder.sample(perSecond))}\n`);
  }

  readonly #publish = (): void => {
    const frame = new BenchFrame(this.#pixels, systemClock.nowMs(), this.#onFree);
    this.#alive += 1;
    frame.publishedNs = nowNs();
    this.#supplier.publish(frame);
    this.#recorder.published(nowNs() - frame.publishedNs);
  };

  readonly #onFree = (): void => {
    this.#alive -= 1;
  };

  #subscribeCallback(id: string): void {
    const mailbox: Mailbox<BenchFrame> = this.#supplier.subscribe(id, {
      onOffer: () => {
        const frame = mailbox.take();
        if (!frame) return;
        this.#received(frame);
        frame.release();
        mailbox.settle();
      },
    });
  }

  async #readPromises(mailbox: Mailbox<BenchFrame>): Promise<void> {
    for (let lease = await mailbox.next(); lease; lease = await mailbox.next()) {
      this.#received(lease.frame);
      lease.release();
    }
  }

  /** The consumer has the frame now. */
  #received(frame: BenchFrame): void {
    const receivedNs = nowNs();
    frame.receivers += 1;
    this.#recorder.received(receivedNs - frame.publishedNs, frame.receivers === this.#consumers);
  }
}

const [mode = 'callback', consumers = '1', fps = '240', seconds = '3', turn = 'async'] = process.argv.slice(2);
const pace: Pace = { fps: Number(fps), seconds: Number(seconds), turn: turn === 'callback' ? 'callback' : 'async' };
await new LoopMeasurement(Number(consumers), pace).run(mode);

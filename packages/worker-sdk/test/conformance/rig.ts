import { systemClock } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import { expect } from 'vitest';
import { BRIGHT, type BrightPicture, DARK } from './pictures.ts';
import { ProcessWorker } from './process-worker.ts';
import type { RunningWorker, WorkerStart } from './running-worker.ts';
import type { WorkerSubject } from './subject.ts';
import { ThreadWorker } from './thread-worker.ts';

/** What a host waits after `stop`, or after the end of the input, before it sends a signal (docs/protocol/worker.md). */
const STOP_MS = 1_000;

/** Starts the workers of one subject's tests, and looks at them when a test ends. */
export class Rig {
  readonly subject: WorkerSubject;
  #running: RunningWorker[] = [];

  constructor(subject: WorkerSubject) {
    this.subject = subject;
  }

  /** A worker that has said it is ready. */
  async start({ input = DARK, options = {} }: Partial<WorkerStart> = {}): Promise<RunningWorker> {
    const { subject } = this;
    const how = { input, options };
    return this.#ready(subject.transport === 'thread' ? new ThreadWorker(subject, how) : new ProcessWorker(subject, how));
  }

  /** The same for tests that are about processes. */
  async startProcess({ input = DARK, options = {} }: Partial<WorkerStart> = {}): Promise<ProcessWorker> {
    const { subject } = this;
    if (subject.transport === 'thread') throw new Error('this test is not for threads');
    return this.#ready(new ProcessWorker(subject, { input, options }));
  }

  /** Shows pictures one after another, and expects the right answer to each. */
  async show(pictures: readonly BrightPicture[]): Promise<void> {
    // A process gets pictures of any size up to the input's, a seat has one.
    const byBytes = [...pictures].sort((a, b) => b.pixels.byteLength - a.pixels.byteLength);
    let worker: RunningWorker | undefined;
    for (const each of pictures) {
      if (!worker || this.subject.transport === 'thread')
        worker = await this.start({ input: this.subject.transport === 'thread' ? each : (byBytes[0] ?? each) });
      await this.sees(worker, each);
    }
  }

  /** Gives a picture to a worker, and expects the right answer as the next thing that it says. */
  async sees(worker: RunningWorker, picture: BrightPicture): Promise<void> {
    const seq = worker.give(picture);
    expectAnswer(await worker.next(), seq, picture);
  }

  /** Expects that it is still as good as new. */
  async works(worker: RunningWorker): Promise<void> {
    for (const each of [BRIGHT, DARK]) await this.sees(worker, each);
  }

  /** All that a worker that was told to end still says. Expects that it ends by itself, in time, with code 0. */
  async ends(worker: RunningWorker): Promise<FromWorker[]> {
    this.#running = this.#running.filter((other) => other !== worker);
    const ladder = systemClock.after(STOP_MS, () => worker.terminate());
    const rest: FromWorker[] = [];
    try {
      for (let said = await worker.next(); said; said = await worker.next()) rest.push(said);
      expect(await worker.exited).toBe(0);
      return rest;
    } finally {
      ladder.cancel();
      await worker.close();
    }
  }

  /** After a test: whoever still runs ends at `stop`, and has said nothing that was not asked for. */
  async leave(): Promise<void> {
    for (const worker of this.#running) {
      worker.stop();
      expect(await this.ends(worker)).toEqual([]);
    }
  }

  /** Kills what a failed test left. */
  async kill(): Promise<void> {
    const left = this.#running;
    this.#running = [];
    await Promise.all(left.map((worker) => worker.close()));
  }

  async #ready<W extends RunningWorker>(worker: W): Promise<W> {
    this.#running.push(worker);
    expect(await worker.next()).toEqual({ type: 'ready', protocol: 1, name: this.subject.ready });
    return worker;
  }
}

/** Expects what a bright worker says to a picture. */
export function expectAnswer(said: FromWorker | undefined, seq: number, picture: BrightPicture): void {
  const { format, width, height, brightness } = picture;
  const value = expect.closeTo(brightness, 12) as number;
  const bright = { class_id: 0, class_name: 'bright', confidence: value, bbox: [0, 0, 1, 1] };
  const detections = brightness > 0.5 ? [bright] : [];
  // Detections that are left out are none.
  const found = said?.type === 'result' && !said.error ? { detections: [], ...said } : said;
  expect(found, `${format} ${width}x${height}`).toEqual({ type: 'result', seq, detections, data: { brightness: value } });
}

/** Expects that there is no result for a frame, and a reason. */
export function expectError(said: FromWorker | undefined, seq: number): void {
  expect(said).toEqual({ type: 'result', seq, error: expect.anything() as unknown });
}

import { systemClock } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import { expect } from 'vitest';
import type { FrameMessage } from '../support/frames.ts';
import { BRIGHT, type BrightPicture, DARK } from './pictures.ts';
import { ProcessWorker } from './process-worker.ts';
import type { RunningWorker, WorkerStart } from './running-worker.ts';
import type { ProgramSubject, WorkerSubject } from './subject.ts';
import { ThreadWorker } from './thread-worker.ts';

/**
 * How long a host waits after `stop`, or after the end of the input, before it sends a signal
 * (docs/protocol/worker.md).
 */
const STOP_MS = 1_000;
/** The largest picture of the suite. */
const LARGEST = { format: 'RGB24', width: 1920, height: 1080 } as const;

/** State shared by the tests of one subject: a worker, and a check of every worker when it ends. */
export class Rig {
  readonly subject: WorkerSubject;
  /** Workers of the running test. */
  #own: RunningWorker[] = [];
  #shared: RunningWorker | undefined;

  constructor(subject: WorkerSubject) {
    this.subject = subject;
  }

  /** A worker of this test only, ready. */
  async start({ input = DARK, options = {} }: Partial<WorkerStart> = {}): Promise<RunningWorker> {
    const { subject } = this;
    const how = { input, options };
    return this.#ready(
      subject.transport === 'thread' ? new ThreadWorker(subject, how) : new ProcessWorker(subject, how),
    );
  }

  /** The same for tests about processes. */
  startProcess({ input = DARK, options = {} }: Partial<WorkerStart> = {}): Promise<ProcessWorker> {
    return this.#ready(new ProcessWorker(this.#program, { input, options }));
  }

  /** The worker shared by tests that leave it unchanged: starting one takes most of the time. */
  async shared(): Promise<ProcessWorker> {
    if (this.#shared instanceof ProcessWorker) return this.#shared;
    const worker = await this.startProcess({ input: LARGEST });
    this.#own = this.#own.filter((other) => other !== worker);
    this.#shared = worker;
    return worker;
  }

  /** Sends frames one after another, and expects the correct answer to each. */
  async show(pictures: readonly BrightPicture[]): Promise<void> {
    let worker: RunningWorker | undefined;
    let before: BrightPicture | undefined;
    for (const each of pictures) {
      if (this.subject.transport !== 'thread') worker = await this.shared();
      // A seat has frames of one size.
      else if (!worker || !sameShape(each, before)) worker = await this.start({ input: each });
      await this.sees(worker, each);
      before = each;
    }
  }

  /** Sends a frame, and expects the correct answer as the worker's next message. */
  async sees(worker: RunningWorker, picture: BrightPicture): Promise<void> {
    const seq = worker.give(picture);
    expectAnswer(await worker.next(), seq, picture);
  }

  /** Sends a frame, and expects the answer that belongs to a picture. */
  async answers(worker: ProcessWorker, frame: FrameMessage, picture: BrightPicture): Promise<void> {
    worker.host.send(frame);
    expectAnswer(await worker.next(), frame.seq, picture);
  }

  /** Sends a frame, and expects an error with a code. */
  async refuses(worker: ProcessWorker, frame: FrameMessage): Promise<void> {
    worker.host.send(frame);
    expect(await worker.next()).toEqual({ type: 'result', seq: frame.seq, error: expect.anything() as unknown });
  }

  /** Expects that the worker still answers. */
  async works(worker: RunningWorker): Promise<void> {
    for (const each of [BRIGHT, DARK]) await this.sees(worker, each);
  }

  /**
   * All remaining messages of a worker that was asked to stop. Expects that it exits by itself, in time, with code 0.
   */
  async ends(worker: RunningWorker): Promise<FromWorker[]> {
    this.#own = this.#own.filter((other) => other !== worker);
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

  /** After a test: stops its workers. They exit by themselves, and have sent nothing unexpected. */
  async leave(): Promise<void> {
    for (const worker of this.#own) await this.#leaves(worker);
  }

  /** After all tests: the same for the shared worker. */
  async close(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared) await this.#leaves(shared);
  }

  /** After a failed test: leaves nothing of it to the next one. */
  async kill(): Promise<void> {
    const left = this.#shared ? [...this.#own, this.#shared] : this.#own;
    this.#own = [];
    this.#shared = undefined;
    await Promise.all(left.map((worker) => worker.close()));
  }

  get #program(): ProgramSubject {
    if (this.subject.transport === 'thread') throw new Error('this test is not for threads');
    return this.subject;
  }

  async #leaves(worker: RunningWorker): Promise<void> {
    worker.stop();
    expect(await this.ends(worker)).toEqual([]);
  }

  async #ready<W extends RunningWorker>(worker: W): Promise<W> {
    this.#own.push(worker);
    expect(await worker.next()).toEqual({ type: 'ready', protocol: 1, name: this.subject.ready });
    return worker;
  }
}

function sameShape(a: BrightPicture, b: BrightPicture | undefined): boolean {
  return a.format === b?.format && a.width === b.width && a.height === b.height;
}

/** Expects a bright worker's answer to a picture. */
export function expectAnswer(said: FromWorker | undefined, seq: number, picture: BrightPicture): void {
  const { format, width, height, brightness } = picture;
  const value = expect.closeTo(brightness, 12) as number;
  const bright = { class_id: 0, class_name: 'bright', confidence: value, bbox: [0, 0, 1, 1] };
  const detections = brightness > 0.5 ? [bright] : [];
  // Omitted detections mean none.
  const found = said?.type === 'result' && !said.error ? { detections: [], ...said } : said;
  expect(found, `${format} ${width}x${height}`).toEqual({
    type: 'result',
    seq,
    detections,
    data: { brightness: value },
  });
}

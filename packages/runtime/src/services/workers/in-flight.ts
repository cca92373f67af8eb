import { type Clock, Deadline } from '@vigia/base';
import type { ConsumerReport, ResultMessage, WorkerResult } from '@vigia/contracts';
import type { Geometry } from '#core/media';
import type { Picture } from '#core/media/libav';
import { type Outcome, ResultCounts, resultMessage, type ResultSubject } from '#core/results';
import type { EndReason } from './lifecycle.ts';

/** Options of {@link InFlight}. */
export interface InFlightOptions {
  readonly subject: ResultSubject;
  /** For the sentences. */
  readonly worker: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** The result of the picture is known: the mailbox may be told. */
  readonly onSettled: () => void;
}

/** Memory that is given back once. */
interface Releasable {
  release(): void;
}

interface Held {
  readonly picture: Picture;
  readonly width: number;
  readonly height: number;
  readonly kept: boolean;
  readonly takenMs: number;
  geometry: Geometry | undefined;
  renderedMs: number | undefined;
  sentMs: number | undefined;
  receivedMs: number | undefined;
  /** What the worker looks at is needed until it answers. */
  pixels: Releasable | undefined;
  pictureReleased: boolean;
  /** Its result was given: after a timeout the worker still has it. */
  settled: boolean;
}

/**
 * The one picture that a worker has, from being taken to the worker's answer. Gives exactly one result for each, whatever
 * happens. After a timeout the worker still has its picture, and is not free.
 */
export class InFlight {
  readonly #o: InFlightOptions;
  readonly #deadline: Deadline;
  readonly #counts = new ResultCounts();
  #held: Held | undefined;
  #discardedAnswers = 0;

  constructor(options: InFlightOptions) {
    this.#o = options;
    this.#deadline = new Deadline(options.clock, () => this.#onDeadline());
  }

  /** Whether the worker has a picture, or is about to get one. */
  get busy(): boolean {
    return this.#held !== undefined;
  }

  /** For how long the worker has had its picture, milliseconds; undefined while it has none. */
  get outForMs(): number | undefined {
    const sentMs = this.#held?.sentMs;
    return sentMs === undefined ? undefined : this.#o.clock.nowMs() - sentMs;
  }

  /** Whether this is still the picture that was begun, and nobody has given its result. */
  isOpen(picture: Picture): boolean {
    return this.#held?.picture === picture && !this.#held.settled;
  }

  /** Takes a picture over, with one reference. @param kept It is needed until its result. */
  begin(picture: Picture, kept: boolean): void {
    this.#held = {
      picture,
      width: picture.width,
      height: picture.height,
      kept,
      takenMs: this.#o.clock.nowMs(),
      geometry: undefined,
      renderedMs: undefined,
      sentMs: undefined,
      receivedMs: undefined,
      pixels: undefined,
      pictureReleased: false,
      settled: false,
    };
  }

  /** It was rendered. @param pixels What the worker looks at, where it must be given back. */
  rendered(geometry: Geometry, pixels?: Releasable): void {
    if (!this.#held) return;
    this.#held.geometry = geometry;
    this.#held.pixels = pixels;
    this.#held.renderedMs = this.#o.clock.nowMs();
  }

  /** It goes to the worker now: from here on there is a deadline. The picture itself has done its work. */
  sent(): void {
    const held = this.#held;
    if (!held) return;
    held.sentMs = this.#o.clock.nowMs();
    this.#deadline.set(this.#o.deadlineMs);
    if (!held.kept) this.#releasePicture(held);
  }

  /** The worker's answer. @returns a sentence when it was not asked for. */
  answer(result: WorkerResult): string | undefined {
    const held = this.#held;
    if (!held || held.sentMs === undefined) return `a result for frame ${result.seq} while none was out`;
    const { seq } = held.picture;
    if (result.seq !== seq) return `a result for frame ${result.seq}, frame ${seq} was out`;
    if (held.settled) this.#discardedAnswers += 1;
    else {
      held.receivedMs = this.#o.clock.nowMs();
      this.#settle(held, outcomeOf(result));
    }
    this.forget();
    return undefined;
  }

  /** The picture gets this result, and the worker never had it or has it no more. */
  end(outcome: Outcome): void {
    const held = this.#held;
    if (!held) return;
    if (!held.settled) this.#settle(held, outcome);
    this.forget();
  }

  /** The worker is gone, or about to be. */
  gone({ code, message }: EndReason): void {
    const text = `worker ${this.#o.worker} ${message}`;
    if (code === 'protocol_error') this.end({ status: 'error', code, message: text });
    else this.end({ status: 'unavailable', code: 'worker_gone', message: text });
  }

  /** The consumer leaves. Idempotent. */
  close(): void {
    this.end({ status: 'unavailable', code: 'closed', message: 'the consumer was closed' });
    this.#deadline.close();
  }

  /** Nobody has the picture any more. */
  forget(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.pixels?.release();
  }

  /** A consistent copy. */
  report(): Pick<ConsumerReport, 'in_flight' | 'discarded_answers' | 'results' | 'detections' | 'results_with'> {
    return {
      in_flight: this.#held && !this.#held.settled ? 1 : 0,
      discarded_answers: this.#discardedAnswers,
      ...this.#counts.report(),
    };
  }

  #onDeadline(): void {
    const held = this.#held;
    if (!held || held.settled) return;
    const message = `no answer within ${this.#o.deadlineMs} ms`;
    this.#settle(held, { status: 'timeout', code: 'deadline_exceeded', message });
  }

  #settle(held: Held, outcome: Outcome): void {
    held.settled = true;
    this.#deadline.clear();
    this.#o.onSettled();
    const { seq, stamps } = held.picture;
    const result = resultMessage(this.#o.subject, { ...held, seq, stamps }, outcome, this.#o.clock.nowMs());
    this.#counts.add(result);
    this.#o.onResult(result, held.kept ? held.picture : undefined);
    this.#releasePicture(held);
  }

  #releasePicture(held: Held): void {
    if (held.pictureReleased) return;
    held.pictureReleased = true;
    held.picture.release();
  }
}

function outcomeOf({ detections = [], data, error }: WorkerResult): Outcome {
  if (error === undefined || error === null)
    return { status: 'ok', detections, ...(data === undefined ? {} : { data: data as ResultMessage['data'] }) };
  if (typeof error === 'string') return { status: 'error', code: 'worker_error', message: error };
  return { status: 'error', ...error };
}

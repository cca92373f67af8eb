import { type Clock, Deadline, VigiaError } from '@vigia/base';
import type { ConsumerReport, ResultMessage, SlaClass } from '@vigia/contracts';
import type { Geometry } from '#core/media';
import type { Picture } from '#core/media/libav';
import { Flight, type PictureOrigin, type Releasable } from './flight.ts';
import { ResultAllowance } from './result-allowance.ts';
import { ResultCounts } from './result-counts.ts';
import { type Outcome, resultMessage, type ResultSubject } from './result-message.ts';

/** Options of {@link InFlight}. */
export interface InFlightOptions {
  readonly subject: ResultSubject;
  /** Decides what its results may cost. */
  readonly sla: SlaClass;
  /** From sending to the answer, milliseconds. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Every result, in order. `picture` is set only for a flight that keeps it, and borrowed until the call returns. */
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /**
   * No answer came in time. The consumer calls `settle` with this outcome if it still reads the pixels, and `end` if it
   * does not.
   */
  readonly onDeadline: (timeout: Outcome) => void;
}

/**
 * The one picture that a consumer has in flight, from being taken until it has finished with the pixels. Gives exactly one
 * result for each picture. A picture has one deadline; setting it creates at most one timer per deadline period.
 */
export class InFlight {
  readonly #o: InFlightOptions;
  readonly #deadline: Deadline;
  readonly #counts = new ResultCounts();
  #allowance: ResultAllowance;
  #flight: Flight | undefined;
  #discardedAnswers = 0;

  constructor(options: InFlightOptions) {
    this.#o = options;
    this.#allowance = new ResultAllowance(options.sla, options.clock);
    this.#deadline = new Deadline(options.clock, () => this.#onDeadline());
  }

  /** Another class decides what its results may cost. */
  tune(sla: SlaClass): void {
    this.#allowance = new ResultAllowance(sla, this.#o.clock);
  }

  /** Undefined while the consumer is free. */
  get current(): Flight | undefined {
    return this.#flight;
  }

  /** Whether a picture is in flight, with or without a result. The consumer cannot take another one. */
  get busy(): boolean {
    return this.#flight !== undefined;
  }

  /** How long ago the picture in flight was sent, milliseconds; undefined when none was. */
  get sentForMs(): number | undefined {
    const sentMs = this.#flight?.sentMs;
    return sentMs === undefined ? undefined : this.#o.clock.nowMs() - sentMs;
  }

  /** Whether this flight still waits for its result. */
  isOpen(flight: Flight): boolean {
    return this.#flight === flight && !flight.settled;
  }

  /**
   * Takes over a picture with one reference.
   *
   * @param kept Whether the picture is needed until its result.
   * @param origin Its `settle` is called once, when the result is known.
   * @throws VigiaError `internal` while another picture is in flight; the caller still owns this one.
   */
  begin(picture: Picture, kept: boolean, origin?: PictureOrigin): Flight {
    if (this.#flight) throw new VigiaError('internal', `frame ${this.#flight.seq} is still in flight`);
    const flight = new Flight(picture, kept, origin, this.#o.clock.nowMs());
    this.#flight = flight;
    return flight;
  }

  /** @param pixels The pixels that the consumer reads, if they must be released. */
  rendered(geometry: Geometry, pixels?: Releasable): void {
    this.#flight?.rendered(geometry, pixels, this.#o.clock.nowMs());
  }

  /** The picture is sent to the consumer: its deadline starts. */
  sent(): void {
    if (!this.#flight) return;
    this.#flight.sent(this.#o.clock.nowMs());
    this.#deadline.set(this.#o.deadlineMs);
  }

  /** The consumer's answer. One whose result is known already is discarded and counted. */
  answered(flight: Flight, outcome: Outcome): void {
    if (!this.isOpen(flight)) {
      this.#discardedAnswers += 1;
      if (this.#flight === flight) this.#free(flight);
      return;
    }
    flight.answered(this.#o.clock.nowMs());
    this.end(this.#allowed(outcome));
  }

  /** The picture in flight gets this result, unless it has one. The consumer still reads the pixels and is not free. */
  settle(outcome: Outcome): void {
    if (this.#flight && !this.#flight.settled) this.#settle(this.#flight, outcome);
  }

  /** The picture in flight gets this result, unless it has one. The consumer has finished with the pixels and is free. */
  end(outcome: Outcome): void {
    const flight = this.#flight;
    if (!flight) return;
    try {
      this.settle(outcome);
    } finally {
      this.#free(flight);
    }
  }

  /** The consumer leaves. Idempotent. */
  close(): void {
    this.end({ status: 'unavailable', code: 'closed', message: 'the consumer was closed' });
    this.#deadline.close();
  }

  /** A consistent copy. */
  report(): Pick<ConsumerReport, 'in_flight' | 'discarded_answers' | 'results' | 'detections' | 'results_with'> {
    return {
      in_flight: this.#flight && !this.#flight.settled ? 1 : 0,
      discarded_answers: this.#discardedAnswers,
      ...this.#counts.report(),
    };
  }

  /** An answer that costs too much becomes an error before anything is done with it. */
  #allowed(outcome: Outcome): Outcome {
    const message = outcome.status === 'ok' ? this.#allowance.take(outcome.detections) : undefined;
    return message === undefined ? outcome : { status: 'error', code: 'too_much', message };
  }

  #onDeadline(): void {
    const message = `no answer within ${this.#o.deadlineMs} ms`;
    this.#o.onDeadline({ status: 'timeout', code: 'deadline_exceeded', message });
  }

  #settle(flight: Flight, outcome: Outcome): void {
    this.#deadline.clear();
    flight.settle();
    try {
      const result = resultMessage(this.#o.subject, flight, outcome, this.#o.clock.nowMs());
      this.#counts.add(result);
      this.#o.onResult(result, flight.kept ? flight.picture : undefined);
    } finally {
      flight.releasePicture();
    }
  }

  #free(flight: Flight): void {
    this.#flight = undefined;
    flight.releasePixels();
  }
}

import { type Clock, Deadline, messageOf } from '@vigia/base';
import {
  type FrameMetadata,
  type InferResponse,
  type ResultMessage,
  type ResultStatus,
  type SlaClass,
  statusOfContainerError,
} from '@vigia/contracts';
import type { FrameSupplier, Mailbox, SlotLease } from '@vigia/frame-supplier';
import type { Geometry } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { ConsumerCounts } from '#core/camera-link';
import { type Outcome, ResultCounts, resultMessage } from '#core/results';
import type { Verdict } from './circuit-breaker.ts';
import type { Answer, ContainerClient, Grant } from './container-client.ts';

/** A picture in shared memory, ready to be referred to. */
export interface Rendered {
  readonly lease: SlotLease;
  readonly geometry: Geometry;
  readonly reference: string;
  readonly metadata: FrameMetadata;
}

/** Options of {@link ModelConsumer}. */
export interface ModelConsumerOptions {
  readonly camera: string;
  readonly consumer: string;
  readonly model: string;
  readonly sla: SlaClass;
  readonly fps: number | undefined;
  /** An answer that takes longer is a `timeout`. Milliseconds from sending. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly supplier: FrameSupplier<Picture>;
  readonly client: ContainerClient;
  /** Scales a picture for this model, now. Undefined when no slot is free; may throw. */
  readonly render: (picture: Picture) => Rendered | undefined;
  /** Every result, in order. `picture` is there only when `keepPicture` said so; borrowed until the call returns. */
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** Whether the next taken picture is to be kept until its result (for a snapshot). */
  readonly keepPicture: () => boolean;
}

interface InFlight {
  readonly picture: Picture;
  /** Size of the whole picture, kept because the picture itself is usually let go before the answer. */
  readonly width: number;
  readonly height: number;
  readonly kept: boolean;
  readonly takenMs: number;
  renderedMs: number | undefined;
  sentMs: number | undefined;
  receivedMs: number | undefined;
  rendered: Rendered | undefined;
  /** What its verdict is recorded with; undefined for one that asks nothing. */
  readonly era: number | undefined;
}

/**
 * One camera's subscription to one model: asks for a place, takes the newest picture when it is granted, and turns
 * whatever happens into exactly one typed result per picture taken. At most one in flight.
 */
export class ModelConsumer {
  readonly #o: ModelConsumerOptions;
  readonly #mailbox: Mailbox<Picture>;
  readonly #deadline: Deadline;
  readonly #counts = new ResultCounts();
  /** A want is out: what the breaker gave it. */
  #wanted: number | undefined;
  #inFlight: InFlight | undefined;
  #discardedAnswers = 0;
  #closed = false;

  constructor(options: ModelConsumerOptions) {
    this.#o = options;
    this.#deadline = new Deadline(options.clock, () => this.#onDeadline());
    this.#mailbox = options.supplier.subscribe(options.consumer, {
      ...(options.fps === undefined ? {} : { fps: options.fps }),
      onOffer: () => this.evaluate(),
    });
  }

  /** Looks whether there is something to do: called on arrival, on becoming ready, and when the model comes back. */
  evaluate(): void {
    if (this.#closed || this.#wanted !== undefined || !this.#mailbox.hasDuePending()) return;
    // While an answer is waited for, only the next turn can be asked for: it is granted after that answer.
    if (this.#inFlight && (this.#inFlight.sentMs === undefined || !this.#o.client.ready)) return;
    if (!this.#o.client.ready) {
      // No grant is needed for a model that is not there: the picture is taken, unrendered, and its fate is told.
      this.#settleUnavailable('not_ready', `model ${this.#o.model} is not ready: ${this.#o.client.why}`);
      return;
    }
    const { breaker } = this.#o.client;
    if (!breaker.allows()) {
      if (this.#inFlight) return;
      this.#settleUnavailable('circuit_open', `model ${this.#o.model} kept failing and is left alone for a while`);
      return;
    }
    const era = breaker.began();
    this.#wanted = era;
    this.#o.client.want(this.#o.consumer, (answer) => this.#onGrant(answer, era));
  }

  /** Leaves: the pending picture becomes `closed`, the one in flight `unavailable`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    if (this.#inFlight)
      this.#settle(this.#inFlight, { status: 'unavailable', code: 'closed', message: 'the consumer was closed' });
    this.#closed = true;
    this.#deadline.close();
    this.#mailbox.close();
  }

  /** A consistent copy of the counters; ages are kept by who receives the results. */
  report(): ConsumerCounts {
    const { offered, delivered, pending, dropped } = this.#mailbox.counters();
    const { client, model, sla } = this.#o;
    const working = client.ready && !client.breaker.open;
    return {
      kind: 'model',
      model,
      worker: null,
      sla,
      state: working ? 'running' : 'unavailable',
      reason: working ? null : client.ready ? 'the model kept failing and is left alone for a while' : client.why,
      process: null,
      published: offered,
      delivered,
      pending,
      dropped,
      in_flight: this.#inFlight ? 1 : 0,
      discarded_answers: this.#discardedAnswers,
      ...this.#counts.report(),
    };
  }

  #take(era?: number): InFlight | undefined {
    const picture = this.#mailbox.take();
    if (!picture) return undefined;
    const flight: InFlight = {
      picture,
      width: picture.width,
      height: picture.height,
      kept: this.#o.keepPicture(),
      takenMs: this.#o.clock.nowMs(),
      renderedMs: undefined,
      sentMs: undefined,
      receivedMs: undefined,
      rendered: undefined,
      era,
    };
    this.#inFlight = flight;
    return flight;
  }

  #settleUnavailable(code: string, message: string): void {
    const flight = this.#take();
    if (flight) this.#settle(flight, { status: 'unavailable', code, message });
  }

  #onGrant(answer: Answer<Grant>, era: number): void {
    const { breaker } = this.#o.client;
    this.#wanted = undefined;
    if (this.#closed) {
      if (answer.kind === 'answer') this.#o.client.unwant(this.#o.consumer);
      return;
    }
    if (!breaker.isCurrent(era)) {
      // The circuit opened meanwhile: what is due is told so, and the model is left alone.
      if (answer.kind === 'answer') this.#o.client.unwant(this.#o.consumer);
      this.#evaluateSoon();
      return;
    }
    if (answer.kind !== 'answer') {
      breaker.record('neutral', era);
      if (answer.kind === 'lost') this.#evaluateSoon();
      else if (answer.kind === 'failed') this.#refused(answer.error.code, answer.error.message);
      return;
    }
    // With one in flight the container grants against the protocol; the picture would have to wait.
    const flight = this.#inFlight ? undefined : this.#take(era);
    if (flight) this.#send(flight, answer.value);
    else {
      breaker.record('neutral', era);
      this.#o.client.unwant(this.#o.consumer);
    }
  }

  /** Not from inside a refusal that came at once: asking again could be refused at once again, and so on. */
  #evaluateSoon(): void {
    queueMicrotask(() => this.evaluate());
  }

  /** The container will not grant: the picture that is due learns why. */
  #refused(code: Parameters<typeof statusOfContainerError>[0], message: string): void {
    const flight = this.#take();
    if (flight) this.#settle(flight, { status: statusOfContainerError(code), code, message });
  }

  #send(flight: InFlight, grant: Grant): void {
    const { clock, deadlineMs } = this.#o;
    const rendered = this.#render(flight);
    if (!rendered) {
      this.#record(flight, 'neutral');
      this.#o.client.unwant(this.#o.consumer);
      return;
    }
    flight.sentMs = clock.nowMs();
    this.#deadline.set(deadlineMs);
    this.#o.client.infer(
      {
        timestamp: flight.picture.stamps.capturedWallMs / 1000,
        deadline_ms: deadlineMs,
        frame_reference: rendered.reference,
        frame_metadata: rendered.metadata,
        grant: grant.id,
      },
      (answer) => this.#onAnswer(flight, answer),
    );
    // The model reads the slot; the picture itself has done its work.
    if (!flight.kept) flight.picture.release();
  }

  /** Renders into a slot, or settles the flight with the reason why not. */
  #render(flight: InFlight): Rendered | undefined {
    let message = 'no free slot in the frame ring';
    try {
      const rendered = this.#o.render(flight.picture);
      if (rendered) {
        flight.rendered = rendered;
        flight.renderedMs = this.#o.clock.nowMs();
        return rendered;
      }
    } catch (error) {
      message = messageOf(error);
    }
    this.#settle(flight, { status: 'error', code: 'render', message });
    return undefined;
  }

  #onDeadline(): void {
    const flight = this.#inFlight;
    if (!flight) return;
    this.#record(flight, 'failure');
    this.#settle(flight, {
      status: 'timeout',
      code: 'deadline_exceeded',
      message: `no answer within ${this.#o.deadlineMs} ms`,
    });
    this.evaluate();
  }

  #onAnswer(flight: InFlight, answer: Answer<InferResponse>): void {
    if (this.#inFlight !== flight) {
      if (answer.kind !== 'lost') this.#discardedAnswers += 1;
      return;
    }
    flight.receivedMs = this.#o.clock.nowMs();
    const outcome = outcomeOf(answer, flight, this.#o);
    this.#record(flight, VERDICTS[outcome.status]);
    this.#settle(flight, outcome);
    this.evaluate();
  }

  /** When that opens the circuit, a want that is out already is taken back. */
  #record(flight: InFlight, verdict: Verdict): void {
    const { client, consumer } = this.#o;
    if (flight.era !== undefined) client.breaker.record(verdict, flight.era);
    if (this.#wanted !== undefined && !client.breaker.isCurrent(this.#wanted)) client.unwant(consumer);
  }

  #settle(flight: InFlight, outcome: Outcome): void {
    this.#inFlight = undefined;
    this.#deadline.clear();
    this.#mailbox.settle();
    flight.rendered?.lease.release();
    const { camera, consumer, model, clock } = this.#o;
    const { stamps, seq } = flight.picture;
    const geometry = flight.rendered?.geometry;
    const result = resultMessage(
      { camera, consumer, model },
      { ...flight, seq, stamps, geometry },
      outcome,
      clock.nowMs(),
    );
    this.#counts.add(result);
    this.#o.onResult(result, flight.kept ? flight.picture : undefined);
    // Sent pictures that nobody keeps were let go when they were sent.
    if (flight.kept || flight.sentMs === undefined) flight.picture.release();
  }
}

/** What a result says about its model: one that could not be asked says nothing. */
const VERDICTS: Readonly<Record<ResultStatus, Verdict>> = {
  ok: 'success',
  error: 'failure',
  timeout: 'failure',
  expired: 'neutral',
  unavailable: 'neutral',
};

/** An answer about something else: whatever it saw, it is not what this camera shows now. */
function wrongAnswer(answer: InferResponse, seq: number, { camera, model }: Asked): Outcome | undefined {
  const wrong = (code: string, wanted: string, found: string): Outcome => ({
    status: 'error',
    code,
    message: `asked for ${wanted}, answered for ${found}`,
  });
  if (answer.camera_id !== camera) return wrong('wrong_camera', `camera ${camera}`, answer.camera_id);
  if (answer.model_id !== model) return wrong('wrong_model', `model ${model}`, answer.model_id);
  if (answer.frame_id !== seq) return wrong('wrong_frame', `frame ${seq}`, String(answer.frame_id));
  return undefined;
}

/** Who asked whom. */
type Asked = Pick<ModelConsumerOptions, 'camera' | 'model'>;

function outcomeOf(answer: Answer<InferResponse>, flight: InFlight, asked: Asked): Outcome {
  switch (answer.kind) {
    case 'lost':
    case 'withdrawn':
      return { status: 'unavailable', code: 'connection_lost', message: `model ${asked.model} went away` };
    case 'failed':
      return { status: statusOfContainerError(answer.error.code), ...answer.error };
    default:
      return (
        wrongAnswer(answer.value, flight.picture.seq, asked) ?? {
          status: 'ok',
          detections: answer.value.detections ?? [],
        }
      );
  }
}

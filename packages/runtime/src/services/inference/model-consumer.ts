import { type Clock, messageOf } from '@vigia/base';
import {
  type Detection,
  type InferResponse,
  type ResultMessage,
  type ResultStatus,
  type SlaClass,
  statusOfContainerError,
} from '@vigia/contracts';
import type { FrameSupplier, Mailbox } from '@vigia/frame-supplier';
import type { ConsumerTerms } from '#core/camera-link';
import {
  type Consumer,
  type ConsumerStatus,
  type Flight,
  InFlight,
  mapBack,
  type Outcome,
  type RenderedPicture,
} from '#core/consumer';
import type { Picture } from '#core/media/libav';
import type { Verdict } from './circuit-breaker.ts';
import type { Answer, ContainerClient, Grant } from './container-client.ts';
import { outcomeOf } from './container-outcome.ts';

/** What a consumer uses of the connection to its model's container. */
export type ModelClient = Pick<ContainerClient, 'ready' | 'why' | 'breaker' | 'start' | 'want' | 'unwant' | 'infer'>;

/** A rule that follows what a model sees. */
export interface ResultWatcher {
  /** Detections from this confidence on are wanted, below the model's own threshold too. */
  readonly faintFrom: number;
  /** An `ok` result. @param faint In shares of the whole picture. @param picture Borrowed until the call returns. */
  seen(result: ResultMessage, faint: readonly Detection[], picture: Picture): void;
}

/** Options of {@link ModelConsumer}. */
export interface ModelConsumerOptions {
  readonly node: string;
  /** The run of the node. */
  readonly boot: string;
  readonly camera: string;
  readonly consumer: string;
  /** Its name in the model's line. Not that of a predecessor: the turn that it asked for may still come. */
  readonly inLine: string;
  readonly model: string;
  readonly sla: SlaClass;
  readonly fps: number | undefined;
  /** An answer that takes longer is a `timeout`. Milliseconds from sending. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly supplier: FrameSupplier<Picture>;
  /** Shared by all consumers of this model. Its creator closes it. */
  readonly client: ModelClient;
  /** Scales a picture for this model now. Undefined when no slot is free; may throw. */
  readonly render: (picture: Picture) => RenderedPicture | undefined;
  /** Every result, in order. `picture` is set when `keepPicture` said so or there is a watcher; borrowed until the call returns. */
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** Whether to keep the next taken picture until its result (for a snapshot). */
  readonly keepPicture: () => boolean;
  /** With one, every picture is kept until its result. */
  readonly watcher?: ResultWatcher | undefined;
}

/**
 * One camera's subscription to one model: asks for a place in the model's next run, takes the newest picture when the
 * container grants it, and gives exactly one typed result for each picture taken.
 */
export class ModelConsumer implements Consumer {
  /** The model's container belongs to the node. */
  readonly worker = undefined;
  #o: ModelConsumerOptions;
  readonly #mailbox: Mailbox<Picture>;
  readonly #inFlight: InFlight;
  /** The breaker's token of the `want` that is out; undefined while none is. */
  #wantToken: number | undefined;
  /** The breaker's token of the request in flight. */
  #requestToken = 0;
  /** Of the answer that is becoming a result. */
  #faint: readonly Detection[] = [];
  #closed = false;

  constructor(options: ModelConsumerOptions) {
    this.#o = options;
    const { node, boot, camera, consumer, model, sla, deadlineMs, clock, onResult, watcher } = options;
    this.#inFlight = new InFlight({
      subject: { node, boot, camera, consumer, model },
      sla,
      deadlineMs,
      clock,
      onResult: watcher ? (result, picture) => this.#onWatched(watcher, result, picture) : onResult,
      onDeadline: (timeout) => this.#onDeadline(timeout),
    });
    this.#mailbox = options.supplier.subscribe(consumer, {
      ...(options.fps === undefined ? {} : { fps: options.fps }),
      onOffer: () => this.#onArrival(),
    });
  }

  /** Starts the client, unless another consumer of the model did. */
  start(): void {
    this.#o.client.start();
  }

  /** Nothing to do: the client watches its container itself. */
  watch(): void {}

  pace(fps: number | undefined): void {
    this.#o.supplier.pace(this.#o.consumer, fps ?? this.#o.fps);
  }

  tune({ fps, sla }: ConsumerTerms): void {
    if (sla !== this.#o.sla) this.#inFlight.tune(sla);
    this.#o = { ...this.#o, fps, sla };
  }

  /** The container takes requests from now on: the due picture, if there is one, asks for a place. */
  containerReady(): void {
    this.#serveDue();
  }

  report(): ConsumerStatus {
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
      ...this.#inFlight.report(),
      restarts: 0,
    };
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#inFlight.close();
      this.#closed = true;
      this.#mailbox.close();
    }
    return Promise.resolve();
  }

  #onArrival(): void {
    if (this.#inFlight.busy) this.#reserveNextTurn();
    else this.#serveDue();
  }

  /** While an answer is out, only the next turn can be asked for: the container grants it after that answer. */
  #reserveNextTurn(): void {
    const { client } = this.#o;
    const waiting = this.#hasUnaskedPicture() && this.#inFlight.current?.sentMs !== undefined;
    if (waiting && client.ready && client.breaker.allows()) this.#want();
  }

  /** With nothing in flight: asks for a place for the due picture, or settles it when the model takes none. */
  #serveDue(): void {
    if (!this.#hasUnaskedPicture()) return;
    const unavailable = this.#unavailable();
    if (unavailable) this.#settleDue(unavailable);
    else this.#want();
  }

  /** Whether a due picture is pending for which no `want` is out. Drops a stale one. */
  #hasUnaskedPicture(): boolean {
    if (this.#wantToken !== undefined) return false;
    this.#mailbox.evictStale();
    return this.#mailbox.hasDue;
  }

  /** Why the model takes no picture now. Without a model no grant is needed: the picture is taken, unrendered. */
  #unavailable(): Outcome | undefined {
    const { client, model } = this.#o;
    if (!client.ready) {
      return { status: 'unavailable', code: 'not_ready', message: `model ${model} is not ready: ${client.why}` };
    }
    if (client.breaker.allows()) return undefined;
    const message = `model ${model} kept failing and is left alone for a while`;
    return { status: 'unavailable', code: 'circuit_open', message };
  }

  #want(): void {
    this.#wantToken = this.#o.client.breaker.began();
    this.#o.client.want(this.#o.inLine, this.#onGrant);
  }

  /** The answer to the one `want` that is out: bound once, so that asking costs no closure. */
  readonly #onGrant = (answer: Answer<Grant>): void => {
    const token = this.#wantToken as number;
    this.#wantToken = undefined;
    const current = this.#o.client.breaker.isCurrent(token);
    if (this.#closed || !current) {
      if (answer.kind === 'answer') this.#o.client.unwant(this.#o.inLine);
      // The circuit has opened since: the due picture is settled, and the model is left alone.
      this.#serveSoon();
    } else if (answer.kind === 'answer') this.#useGrant(answer.value, token);
    else this.#onRefusal(answer, token);
  };

  #useGrant(grant: Grant, token: number): void {
    const flight = this.#take();
    if (flight) {
      this.#requestToken = token;
      this.#send(flight, grant);
    } else {
      this.#o.client.breaker.record('neutral', token);
      this.#o.client.unwant(this.#o.inLine);
    }
  }

  #onRefusal(answer: Exclude<Answer<Grant>, { readonly kind: 'answer' }>, token: number): void {
    this.#o.client.breaker.record('neutral', token);
    if (answer.kind === 'lost') this.#serveSoon();
    else if (answer.kind === 'failed') {
      const { code, message } = answer.error;
      this.#settleDue({ status: statusOfContainerError(code), code, message });
    }
  }

  /** In a microtask: a refusal may come from inside `want`, and asking again there could recurse without end. */
  #serveSoon(): void {
    queueMicrotask(() => this.#onArrival());
  }

  #settleDue(outcome: Outcome): void {
    if (this.#take()) this.#inFlight.end(outcome);
  }

  /** Takes the newest picture if it is due. The mailbox has none while one is in flight. */
  #take(): Flight | undefined {
    const picture = this.#mailbox.take();
    return (
      picture && this.#inFlight.begin(picture, this.#o.watcher !== undefined || this.#o.keepPicture(), this.#mailbox)
    );
  }

  #send(flight: Flight, grant: Grant): void {
    const rendered = this.#render(flight);
    if (!rendered) {
      this.#record('neutral');
      this.#o.client.unwant(this.#o.inLine);
      return;
    }
    // Before the request: its answer may come from inside the call.
    this.#inFlight.sent();
    this.#o.client.infer(
      {
        timestamp: flight.stamps.capturedWallMs / 1000,
        deadline_ms: this.#o.deadlineMs,
        frame_reference: rendered.reference,
        frame_metadata: rendered.metadata,
        grant: grant.id,
        ...(this.#o.watcher ? { faint_from: this.#o.watcher.faintFrom } : {}),
      },
      (answer) => this.#onAnswer(flight, answer),
    );
  }

  /** Renders into a slot, or ends the flight with the reason why not. */
  #render(flight: Flight): RenderedPicture | undefined {
    let message = 'no free slot in the frame ring';
    try {
      const rendered = flight.picture && this.#o.render(flight.picture);
      if (rendered) {
        this.#inFlight.rendered(rendered.geometry, rendered.lease);
        return rendered;
      }
    } catch (error) {
      message = messageOf(error);
    }
    this.#inFlight.end({ status: 'error', code: 'render', message });
    return undefined;
  }

  /** The consumer is free at once: the slot's generation protects a container that still reads it. */
  #onDeadline(timeout: Outcome): void {
    this.#record('failure');
    this.#inFlight.end(timeout);
    this.#serveDue();
  }

  #onAnswer(flight: Flight, answer: Answer<InferResponse>): void {
    const outcome = outcomeOf(answer, flight.seq, this.#o);
    if (this.#inFlight.isOpen(flight)) {
      this.#record(VERDICTS[outcome.status]);
      if (this.#o.watcher && outcome.status === 'ok' && answer.kind === 'answer')
        this.#faint = wholeOf(flight, answer.value.faint ?? []);
      this.#inFlight.answered(flight, outcome);
      this.#serveDue();
    } else if (answer.kind !== 'lost') this.#inFlight.answered(flight, outcome);
  }

  /** The watcher comes last: what it does must not make the result late. */
  #onWatched(watcher: ResultWatcher, result: ResultMessage, picture: Picture | undefined): void {
    const faint = this.#faint;
    this.#faint = [];
    this.#o.onResult(result, picture);
    if (picture && result.status === 'ok') watcher.seen(result, faint, picture);
  }

  /** Records the verdict of the request in flight. If that opens the circuit, a `want` that is out is withdrawn. */
  #record(verdict: Verdict): void {
    const { client, inLine } = this.#o;
    client.breaker.record(verdict, this.#requestToken);
    if (this.#wantToken !== undefined && !client.breaker.isCurrent(this.#wantToken)) client.unwant(inLine);
  }
}

/** The verdict of each result. A request that was never sent is neutral. */
const VERDICTS: Readonly<Record<ResultStatus, Verdict>> = {
  ok: 'success',
  error: 'failure',
  timeout: 'failure',
  expired: 'neutral',
  unavailable: 'neutral',
};

/** Detections in shares of the whole picture. */
function wholeOf({ geometry, width, height }: Flight, detections: readonly Detection[]): Detection[] {
  return geometry ? detections.map((one) => mapBack(one, geometry, width, height)) : [];
}

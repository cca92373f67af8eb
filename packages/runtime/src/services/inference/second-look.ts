import { type Clock, Deadline, messageOf } from '@vigia/base';
import type { Detection, InferResponse } from '@vigia/contracts';
import type { RenderedPicture } from '#core/consumer';
import { type Square, type Turn, wholeFromSquare } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { Answer, Grant } from './container-client.ts';
import { outcomeOf } from './container-outcome.ts';
import type { ModelClient } from './model-consumer.ts';

/** Options of {@link SecondLook}. */
export interface SecondLookOptions {
  readonly camera: string;
  /** Under which it asks for turns: one of its own. */
  readonly consumer: string;
  readonly model: string;
  readonly client: ModelClient;
  readonly clock: Clock;
  /** An answer that takes longer does not count. Milliseconds from asking for a turn. */
  readonly deadlineMs: number;
  /** Looks in any second; more are refused. */
  readonly mostPerSecond: number;
  /** Detections from this confidence on are wanted. */
  readonly leastScore: number;
  /** The first look without an answer. */
  readonly onLost: (why: string) => void;
  /** Undefined when no slot is free or the square does not touch the picture; may throw. */
  readonly render: (picture: Picture, square: Square, turn: Turn) => RenderedPicture | undefined;
}

/** What became of looks, since the start. */
export interface LookCounts {
  readonly asked: number;
  readonly answered: number;
  /** Too many in this second, or the model was not ready. */
  readonly refused: number;
  /** Failed, or had no answer in time. */
  readonly lost: number;
  /** Not wanted any more. */
  readonly withdrawn: number;
}

/** A look that is out. */
interface Open {
  readonly picture: Picture;
  readonly square: Square;
  readonly turn: Turn;
  readonly done: (found: readonly Detection[] | undefined) => void;
  rendered: RenderedPicture | undefined;
}

const SECOND_MS = 1_000;

/**
 * Looks again at a part of a picture with the model that saw the whole: at native resolution, and turned. Asks for turns like any
 * consumer. One look is out at a time.
 */
export class SecondLook {
  readonly #o: SecondLookOptions;
  readonly #deadline: Deadline;
  #open: Open | undefined;
  #isWanting = false;
  #begun: number[] = [];
  #counts = { asked: 0, answered: 0, refused: 0, lost: 0, withdrawn: 0 };

  constructor(options: SecondLookOptions) {
    this.#o = options;
    this.#deadline = new Deadline(options.clock, () => this.#lose(`none within ${options.deadlineMs} ms`));
  }

  /** A copy. */
  get counts(): LookCounts {
    return { ...this.#counts };
  }

  /**
   * Looks at a square of a picture. `done` is called once, also from inside this call: with boxes in shares of the whole picture, or
   * with undefined when there is no answer. The picture is held until then.
   */
  look(picture: Picture, square: Square, turn: Turn, done: Open['done']): void {
    this.cancel();
    this.#counts.asked += 1;
    const { client, clock, mostPerSecond, consumer, deadlineMs } = this.#o;
    const nowMs = clock.nowMs();
    this.#begun = this.#begun.filter((one) => nowMs - one < SECOND_MS);
    if (!client.ready || !client.breaker.allows() || this.#begun.length >= mostPerSecond) {
      this.#counts.refused += 1;
      done(undefined);
      return;
    }
    this.#begun.push(nowMs);
    picture.retain();
    this.#open = { picture, square, turn, done, rendered: undefined };
    this.#deadline.set(deadlineMs);
    if (this.#isWanting) return;
    this.#isWanting = true;
    client.want(consumer, (answer) => this.#onGrant(answer));
  }

  /** Ends a look that is out: its `done` is called with undefined. */
  cancel(): void {
    this.#end(undefined, 'withdrawn');
  }

  /** Idempotent. */
  close(): void {
    this.cancel();
    this.#deadline.close();
  }

  #onGrant(answer: Answer<Grant>): void {
    this.#isWanting = false;
    const open = this.#open;
    if (answer.kind !== 'answer') return this.#lose('the model went away');
    const rendered = open && !open.rendered ? this.#render(open) : undefined;
    if (!open || !rendered) {
      this.#o.client.unwant(this.#o.consumer);
      return;
    }
    const { client, deadlineMs, leastScore } = this.#o;
    open.rendered = rendered;
    client.infer(
      {
        timestamp: open.picture.stamps.capturedWallMs / 1000,
        deadline_ms: deadlineMs,
        frame_reference: rendered.reference,
        frame_metadata: rendered.metadata,
        grant: answer.value.id,
        faint_from: leastScore,
      },
      (response) => this.#onAnswer(open, response),
    );
  }

  #render(open: Open): RenderedPicture | undefined {
    let rendered: RenderedPicture | undefined;
    let why = 'no free slot, or outside the picture';
    try {
      rendered = this.#o.render(open.picture, open.square, open.turn);
    } catch (error) {
      why = messageOf(error);
    }
    if (!rendered) this.#lose(why);
    return rendered;
  }

  #onAnswer(open: Open, answer: Answer<InferResponse>): void {
    open.rendered?.lease.release();
    open.rendered = undefined;
    // One that came too late.
    if (this.#open !== open) return;
    const outcome = outcomeOf(answer, open.picture.seq, this.#o);
    if (outcome.status !== 'ok') return this.#lose(outcome.message);
    if (answer.kind !== 'answer') return;
    const { square, turn, picture } = open;
    const aspect = picture.width / picture.height;
    const found = [...outcome.detections, ...(answer.value.faint ?? [])].map((one): Detection => {
      const bbox = wholeFromSquare(one.bbox, square, turn, aspect);
      // Points and masks are not turned back: nobody wants them yet.
      const { class_id, class_name, confidence } = one;
      return { class_id, class_name, confidence, bbox };
    });
    this.#end(found, 'answered');
  }

  #lose(why: string): void {
    if (this.#counts.lost === 0) this.#o.onLost(why);
    this.#end(undefined, 'lost');
  }

  #end(found: readonly Detection[] | undefined, how: 'answered' | 'lost' | 'withdrawn'): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    this.#deadline.clear();
    this.#counts[how] += 1;
    open.picture.release();
    open.done(found);
  }
}

import { sleep, systemClock } from '@vigia/base';
import type { FrameSupplier, Mailbox } from '@vigia/frame-supplier';
import type { Picture } from '../support/runtime-internals.ts';

/** Behaviour of a consumer in the publisher's loop. */
export interface ConsumerPlan {
  readonly id: string;
  /** `hot`: called on an offer, takes the picture itself. `edge`: `for await`. */
  readonly way: 'hot' | 'edge';
  /** At most this many per second; undefined: all. */
  readonly fps: number | undefined;
  /** How long it holds each picture. Milliseconds. */
  readonly workMs: number;
}

/** A consumer that reads. */
export interface LoopConsumer {
  readonly plan: ConsumerPlan;
  readonly mailbox: Mailbox<Picture>;
  /** Pictures whose native frame differed from the published one, when taken or when released. */
  readonly wrong: () => number;
}

/** Of both kinds the first two are slow, the next two gated. */
export function plansOf(consumers: number): ConsumerPlan[] {
  return Array.from({ length: consumers }, (_, i) => {
    const place = Math.floor(i / 2);
    return {
      id: `consumer-${i}`,
      way: i % 2 === 0 ? 'hot' : 'edge',
      workMs: [50, 120][place] ?? 0,
      fps: [undefined, undefined, 10, 1][place],
    };
  });
}

/** Whether neither work nor a gate keeps it from taking every picture. */
export function isUnhindered({ fps, workMs }: ConsumerPlan): boolean {
  return fps === undefined && workMs === 0;
}

/** Subscribes a consumer, and lets it read to the end. */
export function consume(supplier: FrameSupplier<Picture>, plan: ConsumerPlan): LoopConsumer {
  let wrong = 0;
  const check = (picture: Picture): void => {
    if (Number(picture.frame.pts) !== picture.seq) wrong += 1;
  };
  const mailbox = plan.way === 'hot' ? consumeHot(supplier, plan, check) : consumeAtEdge(supplier, plan, check);
  return { plan, mailbox, wrong: () => wrong };
}

type Check = (picture: Picture) => void;

function consumeHot(
  supplier: FrameSupplier<Picture>,
  { id, fps, workMs }: ConsumerPlan,
  check: Check,
): Mailbox<Picture> {
  const finish = (picture: Picture): void => {
    check(picture);
    picture.release();
    mailbox.settle();
  };
  const look = (): void => {
    const picture = mailbox.take();
    if (!picture) return;
    check(picture);
    if (workMs === 0) {
      finish(picture);
      return;
    }
    systemClock.after(workMs, () => {
      finish(picture);
      look();
    });
  };
  const mailbox = supplier.subscribe(id, { ...(fps === undefined ? {} : { fps }), onOffer: look });
  return mailbox;
}

function consumeAtEdge(
  supplier: FrameSupplier<Picture>,
  { id, fps, workMs }: ConsumerPlan,
  check: Check,
): Mailbox<Picture> {
  const mailbox = supplier.subscribe(id, fps === undefined ? {} : { fps });
  const read = async (): Promise<void> => {
    for await (const picture of mailbox) {
      check(picture);
      if (workMs > 0) await sleep(systemClock, workMs);
      check(picture);
    }
  };
  void read();
  return mailbox;
}

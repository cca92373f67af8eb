import type { Clock, Log } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import type { FrameSupplier, MailboxCounters } from '@vigia/frame-supplier';
import type { WorkerConsumerSetup } from '#core/camera-link';
import type { InFlight, Outcome } from '#core/consumer';
import type { Picture } from '#core/media/libav';
import type { LifecycleState } from './lifecycle.ts';
import type { SupervisedWorker } from './supervised-worker.ts';
import type { WorkerInput } from './wanted-input.ts';
import type { WorkerPlace } from './worker-environment.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';

/** What every consumer with a worker needs, whether the worker is a process or a thread. */
export interface WorkerConsumerOptions {
  readonly setup: WorkerConsumerSetup;
  readonly place: WorkerPlace;
  readonly clock: Clock;
  readonly log: Log;
  readonly supplier: FrameSupplier<Picture>;
  readonly onState: (state: LifecycleState, lastLines: readonly string[]) => void;
  /** Every result, in order. `picture` is set only when `keepPicture` said so; borrowed until the call returns. */
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** Whether to keep the next taken picture until its result (for a snapshot). */
  readonly keepPicture: () => boolean;
}

/** What a delivery uses of the consumer that it works for. */
export interface DeliveryDesk<L extends WorkerLink> {
  readonly options: WorkerConsumerOptions;
  readonly inFlight: InFlight;
  readonly worker: Pick<SupervisedWorker<L>, 'ready' | 'sent' | 'leftLoop'>;
  /** The consumer's rate as it is now, as options of `subscribe`. */
  readonly gate: () => { readonly fps?: number };
  /** The outcome of a picture that arrives while the worker cannot take it. */
  readonly notReady: () => Outcome;
}

/**
 * Brings one camera's frames to one worker: over the pipes of a process, or by the memory that it shares with a thread. It
 * owns the consumer's subscription to the supplier; the consumer owns everything else.
 *
 * While the worker is not ready the delivery takes each due picture all the same, unrendered, and settles it with the
 * reason.
 */
export interface FrameDelivery<L extends WorkerLink> {
  /** Starts the process or thread. May throw. */
  open(events: WorkerLinkEvents): L;
  /**
   * Renders this input from the worker's next `ready` on.
   *
   * @returns the reason when it cannot.
   */
  accept(input: WorkerInput): string | undefined;
  /** The worker is ready for its first frame. */
  workerReady(): void;
  /** The worker has answered, so that it is free for the next frame. */
  workerFree(): void;
  /** The worker is gone, or about to be; its frame in flight has its result. */
  workerGone(): void;
  counters(): MailboxCounters;
  /** For how long a frame has been there that the worker does not ask for, milliseconds. */
  unreadMs(live: boolean): number;
  /** Takes no more pictures; the pending one counts as `closed`. Idempotent. */
  close(): void;
}

import type { Clock } from '@vigia/base';
import type { EventMessage } from '@vigia/contracts';
import type { ConsumerSetup, WorkerConsumerSetup } from '#core/camera-link';
import type { SlaMeter } from '#services/sla';
import type { LifecycleState } from '#services/workers';
import type { ConsumerNews } from './node-outbox.ts';

/** The parts of an event other than its consumer and time. */
type EventBody = Pick<EventMessage, 'type' | 'alarm' | 'message' | 'stderr'> & {
  readonly reason: string | null | undefined;
};

/** Options of {@link ConsumerEvents}. */
export interface ConsumerEventsOptions {
  readonly camera: string;
  readonly clock: Clock;
  readonly post: (message: ConsumerNews) => void;
}

/** Reports what happens to a camera's consumers: states of workers, and events about workers and SLAs. */
export class ConsumerEvents {
  readonly #o: ConsumerEventsOptions;
  /** Workers that ended by themselves and have not been ready since. */
  readonly #down = new Set<string>();

  constructor(options: ConsumerEventsOptions) {
    this.#o = options;
  }

  /** @param lastLines The last lines of the worker's standard error. */
  workerState(setup: WorkerConsumerSetup, lifecycle: LifecycleState, lastLines: readonly string[]): void {
    const { state, reason, alarm } = lifecycle;
    this.#o.post({
      type: 'worker_state',
      state: {
        camera: this.#o.camera,
        consumer: setup.id,
        worker: setup.worker.id,
        sla: setup.sla,
        state,
        reason: reason?.code ?? null,
        message: reason?.message ?? null,
        alarm,
        at: this.#now(),
      },
    });
    const event = this.#workerEvent(setup, lifecycle);
    if (event)
      this.#post(setup, lastLines.length > 0 && state !== 'ready' ? { ...event, stderr: [...lastLines] } : event);
  }

  /** No alarm: a critical consumer that gives no answers is blind, which the node announces. */
  slaCrossed(setup: ConsumerSetup, { breach, lastedMs }: SlaMeter, crossing: 'breached' | 'recovered'): void {
    this.#post(setup, {
      type: crossing === 'breached' ? 'sla_breached' : 'sla_recovered',
      alarm: false,
      reason: breach?.cause,
      message: breach?.message ?? `the SLA is kept again, after ${Math.round(lastedMs / 1000)} s`,
    });
  }

  /** What its worker's failure began has an end. The supervisor ends the episode of its SLA. */
  switchedOff(setup: ConsumerSetup): void {
    const message = `${setup.id} was switched off`;
    if (this.#down.delete(setup.id))
      this.#post(setup, { type: 'worker_recovered', alarm: false, reason: null, message });
  }

  /** The event for a state; undefined when there is none. */
  #workerEvent({ id, worker }: WorkerConsumerSetup, { state, reason, alarm }: LifecycleState): EventBody | undefined {
    if (state === 'ready') {
      if (!this.#down.delete(id)) return undefined;
      return { type: 'worker_recovered', alarm: false, reason: null, message: `worker ${worker.id} works again` };
    }
    if (state !== 'restarting' && state !== 'failed') return undefined;
    this.#down.add(id);
    const message = `worker ${worker.id} ${reason?.message ?? ''}`.trim();
    const failed = state === 'failed';
    return {
      type: failed ? 'worker_failed' : 'worker_restarting',
      alarm: failed && alarm,
      reason: reason?.code,
      message,
    };
  }

  #post({ id, sla }: ConsumerSetup, { type, alarm, reason, ...text }: EventBody): void {
    const { camera } = this.#o;
    const event = { type, camera, consumer: id, sla, alarm, reason: reason ?? null, ...text, at: this.#now() };
    this.#o.post({ type: 'event', event });
  }

  #now(): string {
    return new Date(this.#o.clock.wallMs()).toISOString();
  }
}

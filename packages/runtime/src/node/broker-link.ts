import type { Clock, Log } from '@vigia/base';
import {
  cameraStateMessageOf,
  eventMessageOf,
  type NodeEvent,
  type NodeItem,
  topics,
  workerStateMessageOf,
} from '@vigia/contracts';
import { MqttLink } from '#services/mqtt';
import type { EventHub, Subscription } from '#node/events';

/** Options of {@link BrokerLink}. */
export interface BrokerLinkOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hub: EventHub;
}

/** Events that wait this long at the end are lost with the connection. Milliseconds. */
const LAST_EVENTS_MS = 500;

/**
 * The node's broker, which may be another one after a reload, or none. Two subscribers: results, statistics and states go
 * out at once or are dropped; events wait, in the bounded queue of their subscription, until a broker has acknowledged
 * them. Owns both subscriptions and the connection.
 */
export class BrokerLink {
  readonly #o: BrokerLinkOptions;
  #link: MqttLink | undefined;
  #now: Subscription | undefined;
  #events: Subscription | undefined;
  /** By brokers before. */
  #dropped = 0;

  constructor(options: BrokerLinkOptions) {
    this.#o = options;
  }

  /** For the report; null without a broker. */
  get report(): { readonly connected: boolean; readonly dropped: number } | null {
    if (!this.#link) return null;
    return { connected: this.#link.connected, dropped: this.#dropped + this.#link.dropped };
  }

  /** For people. */
  get text(): string {
    if (!this.#link) return 'off';
    return this.#link.connected ? 'connected' : 'not connected';
  }

  /**
   * Begins to connect. The broker before is left; resolves when that is done, at most a second later. Events that it did
   * not take go to the new one.
   *
   * @param url Undefined: no broker.
   */
  async use(url: string | undefined): Promise<void> {
    const before = this.#link;
    this.#now?.close();
    this.#link = undefined;
    if (before) this.#dropped += before.dropped;
    if (url === undefined) this.#events?.close();
    else this.#connect(url);
    await before?.close();
  }

  /** Gives the last events a moment, says `offline` and leaves, in at most 1.5 s. Idempotent. */
  async close(): Promise<void> {
    this.#now?.close();
    if (this.#link?.connected) await this.#lastEvents();
    this.#events?.close();
    await this.#link?.close();
  }

  #connect(url: string): void {
    const { node, clock, log, hub } = this.#o;
    const link = new MqttLink({ url, node, clock, log: log.child('mqtt') });
    this.#link = link;
    link.start();
    this.#now = hub.subscribe({ name: 'mqtt', replayStates: true }, (item) => sendNow(link, item));
    if (!this.#events || this.#events.closed)
      this.#events = hub.subscribe({ name: 'mqtt events' }, (item) =>
        item.type === 'event' ? this.#sendEvent(item.event) : undefined,
      );
  }

  /** Resolves when a broker has the event, or there is none to have it. */
  async #sendEvent(event: NodeEvent): Promise<void> {
    for (let link = this.#link; link; link = this.#link) {
      const sent = await Promise.all(messagesOf(this.#o.node, event).map(([topic, m]) => link?.deliver(topic, m)));
      if (sent.every(Boolean)) return;
      // The link was closed: another one took its place, or none did.
      if (link === this.#link) return;
    }
  }

  async #lastEvents(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#o.clock.after(LAST_EVENTS_MS, resolve);
      void this.#events?.drained().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/** What is worth nothing later: dropped and counted when the broker is away, except states, which the link keeps. */
function sendNow(link: MqttLink, item: NodeItem): void {
  if (item.type === 'result') link.result(item.result);
  else if (item.type === 'stats') link.stats(item.stats);
  else if (item.event.kind === 'camera_state') {
    if (item.event.phase === 'end') link.forgetCamera(item.event.camera ?? '');
    else link.cameraState(cameraStateMessageOf(item.event));
  } else if (item.event.kind === 'worker_state') {
    if (item.event.phase === 'end') link.forgetWorker(item.event.camera ?? '', item.event.consumer ?? '');
    else link.workerState(workerStateMessageOf(item.event));
  }
}

/** An event goes to its own topic, and where there is an older form, to the topic of version 1 listeners too. */
function messagesOf(node: string, event: NodeEvent): readonly (readonly [topic: string, message: object])[] {
  const own = [topics.eventOf(node, event.camera, event.kind), event] as const;
  if (event.kind !== 'worker' && event.kind !== 'sla' && event.kind !== 'shedding') return [own];
  return [own, [topics.event(node, event.camera ?? ''), eventMessageOf(event)]];
}

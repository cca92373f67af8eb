import type { Clock, Log } from '@vigia/base';
import {
  cameraStateMessageOf,
  eventMessageOf,
  type HealthProblem,
  type NodeEvent,
  type NodeItem,
  topics,
  WHOLE_NODE,
  workerStateMessageOf,
} from '@vigia/contracts';
import type { NodeOperations } from '#services/control-plane';
import { CommandDesk, MqttLink } from '#services/mqtt';
import type { EventHub, Subscription } from '#core/event-hub';
import { Outbox, type OutboxSource } from '#node/events';
import type { PlannedBroker } from '#node/plan';
import { brokerCommands } from './broker-commands.ts';

/** Options of {@link BrokerLink}. */
export interface BrokerLinkOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hub: EventHub;
  /** Where events wait for a broker. Undefined: in memory. */
  readonly store: OutboxSource | undefined;
  /** Carries out the commands of a broker. Called with the first one. */
  readonly operations: () => NodeOperations;
}

/** How long the last events may take to reach the broker before the connection closes. Milliseconds. */
const LAST_EVENTS_MS = 500;

/**
 * The node's connection to its MQTT broker. A reload may replace the broker or remove it. Owns the connection and two
 * subscriptions: one sends results, statistics and states at once or drops them; the other keeps events in its bounded
 * queue until a broker has acknowledged them. Obeys commands of a broker that may give them.
 */
export class BrokerLink {
  readonly #o: BrokerLinkOptions;
  #link: MqttLink | undefined;
  #desk: CommandDesk | undefined;
  #now: Subscription | undefined;
  #events: Subscription | undefined;
  #outbox: Outbox | undefined;
  /** Messages dropped by connections to earlier brokers. */
  #dropped = 0;

  constructor(options: BrokerLinkOptions) {
    this.#o = options;
  }

  /** For the report; null without a broker. */
  get report(): { readonly connected: boolean; readonly dropped: number } | null {
    if (!this.#link) return null;
    return { connected: this.#link.connected, dropped: this.#dropped + this.#link.dropped };
  }

  /** The refusals of the broker: alarms do not reach it. */
  get problems(): readonly HealthProblem[] {
    const message = this.#link?.problem;
    return message === undefined ? [] : [{ code: 'mqtt_refused', camera: WHOLE_NODE, message }];
  }

  /** That no broker is connected, for so long that it matters. */
  get away(): string | undefined {
    return this.#link?.away;
  }

  /** For the live view. */
  get text(): string {
    if (!this.#link) return 'off';
    return this.#link.connected ? 'connected' : 'not connected';
  }

  /**
   * Connects to a broker in the background and leaves the previous one. Resolves when the previous connection is
   * closed, at most a second later. The new broker receives the events that the previous one did not acknowledge.
   *
   * A command that asked for this gets no answer.
   *
   * @param broker Undefined: no broker.
   */
  async use(broker: PlannedBroker | undefined): Promise<void> {
    const before = this.#link;
    this.#now?.close();
    this.#desk?.close();
    this.#link = undefined;
    if (before) this.#dropped += before.dropped;
    // What is being delivered ends with its connection.
    const ended = broker ? undefined : this.#endEvents();
    if (broker) this.#connect(broker);
    await before?.close();
    await ended;
  }

  /** Sends an event that the outbox will send later or not at all, because it is not stored. Without a broker: nothing. */
  sendAhead(event: NodeEvent): void {
    if (this.#outbox && this.#link?.connected) void this.#sendEvent(event);
  }

  /** Waits briefly for the last events, publishes `offline` and disconnects, in at most 1.5 s. Idempotent. */
  async close(): Promise<void> {
    this.#now?.close();
    this.#desk?.close();
    if (this.#link?.connected) await this.#lastEvents();
    // Its end ends the delivery that is under way.
    const ended = this.#endEvents();
    await this.#link?.close();
    await ended;
  }

  async #endEvents(): Promise<void> {
    this.#events?.close();
    const outbox = this.#outbox;
    this.#outbox = undefined;
    await outbox?.close();
  }

  #connect({ url, commands }: PlannedBroker): void {
    const { node, clock, hub } = this.#o;
    const log = this.#o.log.child('mqtt');
    const door = brokerCommands(this.#o.operations, url);
    const desk = new CommandDesk({ node, clock, log, door, reply: (id, text) => link.reply(id, text) });
    const onCommand = commands ? desk.take.bind(desk) : undefined;
    const link = new MqttLink({ url, node, clock, log, onCommand });
    this.#link = link;
    this.#desk = desk;
    link.start();
    this.#now = hub.subscribe({ name: 'mqtt', replayStates: true }, (item) => sendNow(link, item));
    if (this.#o.store) this.#startOutbox(this.#o.store);
    else if (!this.#events || this.#events.closed) this.#subscribeToEvents();
  }

  /** Events are read from the store; the hub only says that there are more. */
  #startOutbox(source: OutboxSource): void {
    if (this.#outbox) {
      this.#outbox.wake();
      return;
    }
    const { clock, log, hub } = this.#o;
    const outbox = new Outbox({ name: 'mqtt', source, deliver: (event) => this.#sendEvent(event), clock, log });
    this.#outbox = outbox;
    this.#events = hub.subscribe({ name: 'mqtt events', limits: { alarms: Number.POSITIVE_INFINITY } }, (item) => {
      if (item.type === 'event') outbox.wake();
    });
    outbox.start();
  }

  /** Too many unread alarms end the subscription, which is logged: the next one goes on with what happens then. */
  #subscribeToEvents(): void {
    const onOverflow = (): void => this.#subscribeToEvents();
    this.#events = this.#o.hub.subscribe({ name: 'mqtt events', onOverflow }, (item) =>
      item.type === 'event' ? this.#sendEvent(item.event).then(() => undefined) : undefined,
    );
  }

  /** Resolves with true when a broker has acknowledged the event, with false when the node has no broker. */
  async #sendEvent(event: NodeEvent): Promise<boolean> {
    for (let link = this.#link; link; link = this.#link) {
      if (await deliverAll(link, messagesOf(this.#o.node, event))) return true;
      // The link was closed. Try its successor, if there is one.
      if (link === this.#link) return false;
    }
    return false;
  }

  async #lastEvents(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#o.clock.after(LAST_EVENTS_MS, resolve);
      const drained = this.#outbox ? this.#outbox.caughtUp() : this.#events?.drained();
      void drained?.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/**
 * One after another: each acknowledgement is followed by a message. Two together would wait for the broker's kernel, which
 * holds the second acknowledgement back until the first one is acknowledged, 40 ms later.
 */
async function deliverAll(link: MqttLink, messages: ReturnType<typeof messagesOf>): Promise<boolean> {
  for (const [topic, message] of messages) if (!(await link.deliver(topic, message))) return false;
  return true;
}

/** Sends what is useless later. Without a connection the link drops and counts it, but keeps the latest states. */
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

/**
 * An event goes to its own topic. Some kinds also go, in their older form, to the topic that version 1 subscribers
 * read.
 */
function messagesOf(node: string, event: NodeEvent): readonly (readonly [topic: string, message: object])[] {
  const own = [topics.eventOf(node, event.camera, event.kind), event] as const;
  if (event.kind !== 'worker' && event.kind !== 'sla' && event.kind !== 'shedding') return [own];
  return [own, [topics.event(node, event.camera ?? ''), eventMessageOf(event)]];
}

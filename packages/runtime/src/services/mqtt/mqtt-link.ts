import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { type Clock, codeOf, type Log, messageOf, printableJson, quoted, type Timer } from '@vigia/base';
import {
  type CameraStateMessage,
  type ConsumerStatistics,
  type NodeStatusMessage,
  type ResultMessage,
  topics,
  type WorkerStateMessage,
} from '@vigia/contracts';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { BrokerTroubles } from './broker-troubles.ts';
import type { Delivery } from './command-message.ts';
import { PacketGuard } from './packet-guard.ts';
import { refusalOf } from './refusal.ts';

/** Options of {@link MqttLink}. */
export interface MqttLinkOptions {
  /** `mqtt://[user:password@]host[:port]`. Never logged. */
  readonly url: string;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes what arrives on the topics of commands. Undefined: the link subscribes to nothing. */
  readonly onCommand: ((delivery: Delivery) => void) | undefined;
}

/** The broker discards results older than this. Seconds. */
const RESULT_EXPIRY_S = 10;
const CLOSE_MS = 500;
/** The most bytes that may wait for a broker that does not read. Further results are dropped and counted. */
const BACKLOG_LIMIT = 1024 * 1024;
/** The most retained messages to remove later from a broker that is not connected. Further ones stay there. */
const FORGOTTEN_LIMIT = 1024;
/**
 * Largest packet that a broker may send, bytes. One with version 5 knows the limit and discards a larger one; after a larger one
 * the connection ends.
 */
const PACKET_LIMIT = 256 * 1024;
/** Reason codes of MQTT 5 from here on are failures. */
const REFUSED_FROM = 128;
const MQTT_5 = 5;
const MQTT_311 = 4;

/**
 * Publishes results and states. Never waits for the broker. Results and statistics that cannot be sent now are dropped
 * and counted; retained states are published again after each connect. Only {@link MqttLink.deliver} waits.
 */
export class MqttLink {
  readonly #o: MqttLinkOptions;
  /** Retained messages by topic, published again after each connect. */
  readonly #retained = new Map<string, object>();
  /** Topics to clear with the next connection: their subjects were removed while there was none. */
  readonly #forgotten = new Set<string>();
  #client: MqttClient | undefined;
  #version: typeof MQTT_5 | typeof MQTT_311 = MQTT_5;
  #dropped = 0;
  #closed = false;
  /** Until the next attempt to connect. */
  #retry: Timer | undefined;
  readonly #troubles: BrokerTroubles;
  /** Two nodes of one name, each process 1 of its container, would end each other's connection. */
  readonly #clientId: string;
  /** Deliveries that wait for an acknowledgement. */
  readonly #unacknowledged = new Set<(acknowledged: boolean) => void>();
  /** Deliveries that wait for a connection. */
  readonly #waiting: ((connected: boolean) => void)[] = [];

  constructor(options: MqttLinkOptions) {
    this.#o = options;
    const { clock, log, url } = options;
    this.#troubles = new BrokerTroubles({ clock, log, host: hostOf(url) });
    this.#clientId = `vigia-${options.node}-${process.pid}-${randomBytes(3).toString('hex')}`;
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  /** Messages dropped because no broker could take them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** See {@link BrokerTroubles.problem}. */
  get problem(): string | undefined {
    return this.#troubles.problem;
  }

  /** See {@link BrokerTroubles.away}. */
  get away(): string | undefined {
    return this.#troubles.away;
  }

  /** Connects in the background; returns at once. */
  start(): void {
    if (this.#closed) return;
    const { node } = this.#o;
    const will: NodeStatusMessage = { node, status: 'offline' };
    const options: IClientOptions = {
      protocolVersion: this.#version,
      clientId: this.#clientId,
      clean: true,
      // The library would stop at the first refusal, and knows no back-off: each attempt has a client of its own.
      reconnectPeriod: 0,
      connectTimeout: 5_000,
      queueQoSZero: false,
      keepalive: 15,
      // `#onConnect` subscribes.
      resubscribe: false,
      will: { topic: topics.status(node), payload: Buffer.from(JSON.stringify(will)), qos: 1, retain: true },
    };
    const { address, login } = splitLogin(this.#o.url);
    const limits = this.#version === MQTT_5 ? { properties: { maximumPacketSize: PACKET_LIMIT } } : {};
    const client = connect(address, { ...options, ...limits, ...login });
    this.#client = client;
    this.#troubles.attempt();
    this.#bound(client);
    client.on('connect', () => {
      sendAtOnce(client);
      this.#onConnect();
    });
    client.on('message', (topic, payload, { retain }) => this.#o.onCommand?.({ topic, payload, retained: retain }));
    client.on('error', (error) => this.#onError(client, error));
    client.on('close', () => this.#onClose(client));
  }

  /** A result of a consumer: QoS 0, with an expiry. */
  result(result: ResultMessage): void {
    this.#publish(topics.result(this.#o.node, result.camera, result.consumer), result, {
      qos: 0,
      ...(this.#version === MQTT_5 ? { properties: { messageExpiryInterval: RESULT_EXPIRY_S } } : {}),
    });
  }

  /** The answer to a command: QoS 1. Dropped and counted without a connection. @param text JSON. */
  reply(id: string, text: string): void {
    this.#publish(topics.reply(this.#o.node, id), text, { qos: 1 });
  }

  /** A camera's state: retained. */
  cameraState(state: CameraStateMessage): void {
    this.#retain(topics.cameraState(this.#o.node, state.camera), state);
  }

  /** A worker's state: retained. */
  workerState(state: WorkerStateMessage): void {
    this.#retain(topics.workerState(this.#o.node, state.camera, state.consumer), state);
  }

  /**
   * Delivers a message with QoS 1, and again after every lost connection until a broker acknowledges it. Resolves with
   * true then, and with false when the link is closed first. The link has no queue: the caller bounds what is under way.
   */
  async deliver(topic: string, message: object): Promise<boolean> {
    while (await this.#whenConnected()) {
      const acknowledged = await this.#acknowledged(topic, printableJson(message));
      if (acknowledged) return true;
    }
    return false;
  }

  /** A camera was removed: clears its retained state and those of its workers, now or with the next connection. */
  forgetCamera(camera: string): void {
    const workers = topics.workerState(this.#o.node, camera, '').slice(0, -'/state'.length);
    this.#forget((topic) => topic === topics.cameraState(this.#o.node, camera) || topic.startsWith(workers));
  }

  /** A worker was removed: clears its retained state. */
  forgetWorker(camera: string, consumer: string): void {
    const gone = topics.workerState(this.#o.node, camera, consumer);
    this.#forget((topic) => topic === gone);
  }

  /** Statistics of a consumer: QoS 0. */
  stats({ camera, consumer, report }: ConsumerStatistics): void {
    this.#publish(topics.stats(this.#o.node, camera, consumer), report, { qos: 0 });
  }

  /** Publishes `offline` and disconnects, in at most a second. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.cancel();
    this.#settleWaiting(false);
    for (const settle of this.#unacknowledged) settle(false);
    const client = this.#client;
    if (!client) return;
    if (client.connected) {
      const offline: NodeStatusMessage = { node: this.#o.node, status: 'offline' };
      await new Promise<void>((resolve) => {
        const timer = this.#o.clock.after(CLOSE_MS, resolve);
        client.publish(topics.status(this.#o.node), JSON.stringify(offline), { qos: 1, retain: true }, () => {
          timer.cancel();
          resolve();
        });
      });
    }
    await new Promise<void>((resolve) => {
      const timer = this.#o.clock.after(CLOSE_MS, resolve);
      // Sends DISCONNECT on an open connection, or the broker would publish the last will as well.
      client.end(!client.connected, () => {
        timer.cancel();
        resolve();
      });
    });
    // The library waits for the broker to end the connection, and reads on: a broker may never do so.
    client.stream.destroy();
  }

  /** False when the connection was lost and the library dropped the message. */
  #acknowledged(topic: string, payload: string): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (acknowledged: boolean): void => {
        this.#unacknowledged.delete(settle);
        resolve(acknowledged);
      };
      this.#unacknowledged.add(settle);
      if (!this.#client) settle(false);
      this.#client?.publish(topic, payload, { qos: 1 }, (error) => {
        if (!error) this.#troubles.messageAccepted();
        settle(!error || this.#isRefused(topic, error));
      });
    });
  }

  /**
   * Whether the broker received the message and refuses it (a reason code of MQTT 5 from 128 on: not authorized, quota
   * exceeded …). Sending it again would be refused again, and hold up every later event.
   */
  #isRefused(topic: string, error: Error): boolean {
    const refused = 'code' in error && typeof error.code === 'number' && error.code >= REFUSED_FROM;
    if (!refused) return false;
    this.#dropped += 1;
    this.#troubles.messageRefused(topic, error.message);
    return true;
  }

  /** Resolves with true when a broker is connected, with false when the link is closed. */
  #whenConnected(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#client?.connected) return Promise.resolve(true);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #settleWaiting(connected: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(connected);
  }

  #publish(
    topic: string,
    message: object | string,
    options: { qos: 0 | 1; retain?: boolean; properties?: { messageExpiryInterval: number } },
  ): void {
    const client = this.#client;
    if (!client?.connected || this.#closed || client.stream.writableLength > BACKLOG_LIMIT) {
      this.#dropped += 1;
      return;
    }
    client.publish(topic, typeof message === 'string' ? message : printableJson(message), options);
  }

  /** What the broker sends must not fill the memory of this process: the library collects packets of any size. */
  #bound(client: MqttClient): void {
    const guard = new PacketGuard(PACKET_LIMIT, this.#o.clock);
    const { stream } = client;
    stream.on('data', (chunk: Buffer) => {
      const fault = guard.look(chunk);
      if (fault === undefined || stream.destroyed) return;
      if (client === this.#client) this.#warn(`the MQTT broker ${fault}; trying again`);
      stream.destroy();
    });
  }

  /** The session is clean, so the broker keeps no commands for a node that is away: they would come late. */
  #subscribe(client: MqttClient): void {
    // `rap`: the broker passes on the flag of a retained message, also when it has just arrived (version 5).
    client.subscribe(topics.commands(this.#o.node), { qos: 1, rap: true }, (error, granted) => {
      const refused = granted?.some(({ qos }) => qos >= REFUSED_FROM);
      if (client === this.#client && (error || refused))
        this.#warn('the MQTT broker refuses the subscription to commands');
    });
  }

  /** Kept, and sent after each connect: without a connection nothing is lost. */
  #retain(topic: string, message: object): void {
    this.#forgotten.delete(topic);
    this.#retained.set(topic, message);
    // One message per subject: also to a broker that reads slowly, which would otherwise keep a state that is over.
    if (this.#client?.connected) this.#client.publish(topic, printableJson(message), { qos: 1, retain: true });
  }

  #forget(concerns: (topic: string) => boolean): void {
    for (const topic of this.#retained.keys()) {
      if (!concerns(topic)) continue;
      this.#retained.delete(topic);
      if (!this.#clear(topic) && this.#forgotten.size < FORGOTTEN_LIMIT) this.#forgotten.add(topic);
    }
  }

  /** An empty payload removes a retained message (MQTT 3.3.1.3). Returns false without a connection. */
  #clear(topic: string): boolean {
    const client = this.#client;
    if (!client?.connected || this.#closed) return false;
    client.publish(topic, Buffer.alloc(0), { qos: 1, retain: true });
    return true;
  }

  #onConnect(): void {
    this.#troubles.connected();
    this.#o.log.info(`connected to the MQTT broker (version ${this.#version === MQTT_5 ? '5' : '3.1.1'})`);
    if (this.#client && this.#o.onCommand) this.#subscribe(this.#client);
    const online: NodeStatusMessage = { node: this.#o.node, status: 'online' };
    this.#publish(topics.status(this.#o.node), online, { qos: 1, retain: true });
    for (const [topic, message] of this.#retained) this.#publish(topic, message, { qos: 1, retain: true });
    for (const topic of this.#forgotten) if (this.#clear(topic)) this.#forgotten.delete(topic);
    this.#settleWaiting(true);
  }

  #onError(client: MqttClient, error: Error): void {
    if (client !== this.#client || this.#closed) return;
    const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
    if (code === undefined)
      this.#warn(`MQTT broker ${hostOf(this.#o.url)}: ${codeOf(error) ?? messageOf(error)}; trying again`);
    else this.#troubles.refused(refusalOf(code), ({ version }) => version && this.#version === MQTT_5);
  }

  /** Nothing more comes from this client. Its callbacks may never be called: what is under way is sent again. */
  #onClose(client: MqttClient): void {
    if (client !== this.#client || this.#closed) return;
    this.#client = undefined;
    client.end(true);
    for (const settle of this.#unacknowledged) settle(false);
    const waitMs = this.#waitMs();
    if (waitMs > 0) this.#warn('no connection to the MQTT broker; trying again');
    if (waitMs === 0) this.start();
    else this.#retry = this.#o.clock.after(waitMs, () => this.start());
  }

  #waitMs(): number {
    return this.#troubles.isVersionRefused && this.#otherVersion() ? 0 : this.#troubles.ended();
  }

  /** Tries the other version from now on. Returns whether that may be done at once. */
  #otherVersion(): boolean {
    const atOnce = this.#version === MQTT_5;
    this.#version = atOnce ? MQTT_311 : MQTT_5;
    if (atOnce) this.#o.log.info('the MQTT broker does not speak version 5, using 3.1.1');
    return atOnce;
  }

  #warn(text: string): void {
    if (!this.#closed) this.#troubles.warn(text);
  }
}

/** Host and port, without a login. */
function hostOf(url: string): string {
  return quoted(new URL(url).host, 80);
}

/** Splits the credentials off the URL, because the library would split a password at a colon. */
function splitLogin(url: string): {
  readonly address: string;
  readonly login: { username?: string; password?: string };
} {
  const parsed = new URL(url);
  const username = decodeURIComponent(parsed.username);
  const password = decodeURIComponent(parsed.password);
  parsed.username = '';
  parsed.password = '';
  return { address: parsed.href, login: { ...(username ? { username } : {}), ...(password ? { password } : {}) } };
}

/** Without this the kernel holds a message back until the one before it was acknowledged: 40 ms each. */
function sendAtOnce({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}

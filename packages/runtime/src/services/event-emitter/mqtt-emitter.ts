import { codeOf, every, type Clock, type Log, messageOf, type Timer } from '@vigia/base';
import {
  type CameraStateMessage,
  type ConsumerReport,
  type NodeStatusMessage,
  type ResultMessage,
  topics,
} from '@vigia/contracts';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';

/** Options of {@link MqttEmitter}. */
export interface MqttEmitterOptions {
  /** `mqtt://[user:password@]host[:port]`. Never logged. */
  readonly url: string;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A broker delivers no result that is older than this. Seconds. */
const RESULT_EXPIRY_S = 10;
const RECONNECT_MS = 2_000;
const CLOSE_MS = 500;
/** Bytes waiting for a broker that does not read; results beyond are dropped and counted. */
const BACKLOG_LIMIT = 1024 * 1024;
/** Cameras that are gone and whose retained state a broker that is away still has; of further ones it stays. */
const FORGOTTEN_LIMIT = 1024;
/** At most one warning about the connection in this time. */
const QUIET_MS = 30_000;
const MQTT_5 = 5;
const MQTT_311 = 4;
/** CONNACK codes of brokers that do not speak version 5: 1 in 3.1.1, 132 in 5. */
const REFUSES_VERSION = new Set([1, 132]);

/**
 * Sends results and states to a broker. Never waits for it and never queues results for it: what cannot be sent now is
 * dropped and counted, retained states are sent again after each connect.
 */
export class MqttEmitter {
  readonly #o: MqttEmitterOptions;
  readonly #states = new Map<string, CameraStateMessage>();
  /** Cameras that are gone while no broker was there to be told. */
  readonly #forgotten = new Set<string>();
  #client: MqttClient | undefined;
  #version: typeof MQTT_5 | typeof MQTT_311 = MQTT_5;
  #dropped = 0;
  #lastWarningMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: MqttEmitterOptions) {
    this.#o = options;
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  /** Messages that no broker was there for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Begins to connect; returns at once. */
  start(): void {
    const { node } = this.#o;
    const will: NodeStatusMessage = { node, status: 'offline' };
    const options: IClientOptions = {
      protocolVersion: this.#version,
      clientId: `vigia-${node}-${process.pid}`,
      clean: true,
      reconnectPeriod: RECONNECT_MS,
      connectTimeout: 5_000,
      queueQoSZero: false,
      keepalive: 15,
      will: { topic: topics.status(node), payload: Buffer.from(JSON.stringify(will)), qos: 1, retain: true },
    };
    const { address, login } = splitLogin(this.#o.url);
    const client = connect(address, { ...options, ...login });
    this.#client = client;
    client.on('connect', () => this.#onConnect());
    client.on('error', (error) => this.#onError(client, error));
    client.on('close', () => this.#warn('no connection to the MQTT broker; trying again'));
  }

  /** A result of a consumer: QoS 0, with an expiry. */
  result(result: ResultMessage): void {
    this.#publish(topics.result(this.#o.node, result.camera, result.consumer), result, {
      qos: 0,
      ...(this.#version === MQTT_5 ? { properties: { messageExpiryInterval: RESULT_EXPIRY_S } } : {}),
    });
  }

  /** A camera's state: retained. */
  cameraState(state: CameraStateMessage): void {
    this.#forgotten.delete(state.camera);
    this.#states.set(state.camera, state);
    this.#publish(topics.cameraState(this.#o.node, state.camera), state, { qos: 1, retain: true });
  }

  /** A camera is gone: its retained state is taken back, now or with the next connection. */
  forgetCamera(camera: string): void {
    this.#states.delete(camera);
    if (this.#clear(camera) || this.#forgotten.size >= FORGOTTEN_LIMIT) return;
    this.#forgotten.add(camera);
  }

  /** Statistics of a consumer. */
  stats(camera: string, consumer: string, report: ConsumerReport): void {
    this.#publish(topics.stats(this.#o.node, camera, consumer), report, { qos: 0 });
  }

  /** Says `offline` and leaves, in at most a second. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
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
      // With a DISCONNECT when there is a connection: without one the broker would publish the last will as well.
      client.end(!client.connected, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #publish(
    topic: string,
    message: object,
    options: { qos: 0 | 1; retain?: boolean; properties?: { messageExpiryInterval: number } },
  ): void {
    const client = this.#client;
    if (!client?.connected || this.#closed || client.stream.writableLength > BACKLOG_LIMIT) {
      this.#dropped += 1;
      return;
    }
    client.publish(topic, JSON.stringify(message), options);
  }

  /** A retained message without content is none (MQTT 3.3.1.3). False when no broker is there. */
  #clear(camera: string): boolean {
    const client = this.#client;
    if (!client?.connected || this.#closed) return false;
    client.publish(topics.cameraState(this.#o.node, camera), Buffer.alloc(0), { qos: 1, retain: true });
    return true;
  }

  #onConnect(): void {
    this.#lastWarningMs = Number.NEGATIVE_INFINITY;
    this.#o.log.info(`connected to the MQTT broker (version ${this.#version === MQTT_5 ? '5' : '3.1.1'})`);
    const online: NodeStatusMessage = { node: this.#o.node, status: 'online' };
    this.#publish(topics.status(this.#o.node), online, { qos: 1, retain: true });
    for (const state of this.#states.values())
      this.#publish(topics.cameraState(this.#o.node, state.camera), state, { qos: 1, retain: true });
    for (const camera of this.#forgotten) if (this.#clear(camera)) this.#forgotten.delete(camera);
  }

  #onError(client: MqttClient, error: Error): void {
    const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
    if (this.#version === MQTT_5 && code !== undefined && REFUSES_VERSION.has(code)) {
      this.#version = MQTT_311;
      this.#o.log.info('the MQTT broker does not speak version 5, using 3.1.1');
      client.removeAllListeners('close');
      client.end(true);
      if (!this.#closed) this.start();
      return;
    }
    this.#warn(`MQTT broker: ${codeOf(error) ?? messageOf(error)}; trying again`);
  }

  #warn(text: string): void {
    const now = this.#o.clock.nowMs();
    if (this.#closed || now - this.#lastWarningMs < QUIET_MS) return;
    this.#lastWarningMs = now;
    this.#o.log.warn(text);
  }
}

/** Takes user and password out of the address: the library would split a password that holds a colon. */
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

/** Sends the statistics of all consumers every `ms` milliseconds until cancelled. */
export function emitStats(
  emitter: MqttEmitter,
  clock: Clock,
  ms: number,
  read: () => Iterable<readonly [string, string, ConsumerReport]>,
): Timer {
  return every(clock, ms, () => {
    for (const [camera, consumer, report] of read()) emitter.stats(camera, consumer, report);
  });
}

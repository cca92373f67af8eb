import type { Clock, Log, Timer } from '@vigia/base';
import type {
  CameraReport,
  CameraStateMessage,
  EventMessage,
  ResultMessage,
  WorkerStateMessage,
} from '@vigia/contracts';
import { emitStats, MqttEmitter } from '#services/mqtt';

/** Options of {@link BrokerLink}. */
export interface BrokerLinkOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Consumers of all cameras, for the statistics. */
  readonly consumers: () => Iterable<readonly [string, string, CameraReport['consumers'][string]]>;
}

const STATS_MS = 10_000;

/** The node's broker, which may be another one after a reload, or none. Owns the connection and a timer. */
export class BrokerLink {
  readonly #o: BrokerLinkOptions;
  #emitter: MqttEmitter | undefined;
  #stats: Timer | undefined;
  /** Of brokers before. */
  #dropped = 0;

  constructor(options: BrokerLinkOptions) {
    this.#o = options;
  }

  /** For the report; null without a broker. */
  get report(): { readonly connected: boolean; readonly dropped: number } | null {
    if (!this.#emitter) return null;
    return { connected: this.#emitter.connected, dropped: this.#dropped + this.#emitter.dropped };
  }

  /** For people. */
  get text(): string {
    if (!this.#emitter) return 'off';
    return this.#emitter.connected ? 'connected' : 'not connected';
  }

  /**
   * Begins to connect. The broker before is left; resolves when that is done, at most a second later.
   *
   * @param url Undefined: no broker.
   * @param states What the new broker must know.
   */
  async use(
    url: string | undefined,
    states: Iterable<CameraStateMessage>,
    workers: Iterable<WorkerStateMessage>,
  ): Promise<void> {
    const before = this.#emitter;
    this.#stats?.cancel();
    this.#emitter = undefined;
    if (before) this.#dropped += before.dropped;
    if (url !== undefined) {
      const { node, clock, log, consumers } = this.#o;
      const emitter = new MqttEmitter({ url, node, clock, log: log.child('mqtt') });
      for (const state of states) emitter.cameraState(state);
      for (const state of workers) emitter.workerState(state);
      emitter.start();
      this.#emitter = emitter;
      this.#stats = emitStats(emitter, clock, STATS_MS, consumers);
    }
    await before?.close();
  }

  result(result: ResultMessage): void {
    this.#emitter?.result(result);
  }

  cameraState(state: CameraStateMessage): void {
    this.#emitter?.cameraState(state);
  }

  workerState(state: WorkerStateMessage): void {
    this.#emitter?.workerState(state);
  }

  event(event: EventMessage): void {
    this.#emitter?.event(event);
  }

  /** A worker is not in the configuration any more: its retained state is taken back. */
  forgetWorker(camera: string, consumer: string): void {
    this.#emitter?.forgetWorker(camera, consumer);
  }

  /** A camera is gone: its retained state is taken back, and those of its workers. */
  forgetCamera(camera: string): void {
    this.#emitter?.forgetCamera(camera);
  }

  /** Says `offline` and leaves, in at most a second. Idempotent. */
  async close(): Promise<void> {
    this.#stats?.cancel();
    await this.#emitter?.close();
  }
}

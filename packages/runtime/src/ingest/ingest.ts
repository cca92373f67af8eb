import { type Channel, type Clock, every, type Log, Scope } from '@vigia/base';
import { RelayServer } from '#core/encoded';
import type { RecordPolicy, RecordRoom } from '#core/footage';
import {
  INGEST_MEMORY,
  type IngestCounters,
  type IngestStart,
  type IngestWords,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { Recorder } from '#services/recorder';
import { StreamCapture } from '#services/stream-capture';

/** How long it may take to close: what waits is written. Milliseconds. */
export const CLOSE_MS = 800;
const COUNTERS_EVERY_MS = 500;
/** Without a keyframe for so long a recording has nothing either. Milliseconds. */
const KEYFRAMES_STOPPED_MS = 60_000;

/** The connection to the node. */
export type ToNode = Pick<Channel<IngestWords, NodeToIngestWords>, 'notify'>;

/**
 * The connection to a camera that is recorded, in a process of its own: nothing here decodes, and nobody's code runs here.
 * Units go to the recorder, and over a socket to the camera process.
 */
export class Ingest {
  readonly #clock: Clock;
  readonly #node: ToNode;
  readonly #capture: StreamCapture;
  readonly #recorder: Recorder;
  readonly #scope = new Scope();
  #relay: RelayServer | undefined;
  readonly #start: IngestStart;
  readonly #log: Log;

  constructor(start: IngestStart, node: ToNode, clock: Clock, log: Log) {
    const { setup, boot } = start;
    this.#start = start;
    this.#node = node;
    this.#clock = clock;
    this.#log = log;
    const { url, transport, tls } = setup.source;
    this.#capture = new StreamCapture({
      url,
      transport,
      tls,
      clock,
      log,
      audio: true,
      recentBytes: INGEST_MEMORY.recent,
      // Nobody here wants a picture, so none is decoded.
      sink: { publish: (picture) => picture.release(), hasDemand: () => false },
      onState: (state) => this.#relay?.follow(state),
    });
    this.#recorder = new Recorder({
      node: setup.node,
      camera: setup.camera,
      boot,
      dirs: setup.dirs,
      policy: setup.policy,
      clock,
      log,
      ringBytes: setup.ringBytes,
      tap: this.#capture.openTap({ maxBytes: INGEST_MEMORY.recorder }),
      onState: (state) => this.#node.notify('recorder', state),
      onWritten: (written) => this.#node.notify('written', written),
      onGap: (sinceMs, reason) => this.#node.notify('gap', { sinceMs, reason }),
    });
  }

  /** Listens, then connects to the camera. @throws the operating system's error. */
  async start(): Promise<void> {
    const relay = await RelayServer.open({
      socketPath: this.#start.setup.socketPath,
      clock: this.#clock,
      log: this.#log,
      openTap: (options) => this.#capture.openTap(options),
      lostPackets: () => this.#capture.lostPackets,
      onReconnect: (message) => this.#wished(message),
      readerBytes: INGEST_MEMORY.reader,
    });
    this.#relay = relay;
    // In reverse order: the recorder writes what the capture has brought.
    this.#scope.defer(() => relay.close());
    this.#scope.defer(() => this.#recorder.close());
    this.#scope.defer(() => this.#capture.close());
    this.#capture.start();
    this.#recorder.start();
    const timer = every(this.#clock, COUNTERS_EVERY_MS, () => this.#node.notify('counters', this.counters));
    this.#scope.defer(() => timer.cancel());
  }

  get counters(): IngestCounters {
    const { captured, reconnects, lostPackets } = this.#capture.counters();
    return { ...this.#recorder.counters, captured, reconnects, lostPackets, readers: this.#relay?.readers ?? 0 };
  }

  room(room: RecordRoom): void {
    this.#recorder.room(room);
  }

  /**
   * A camera process can use no picture. While keyframes come the recording can use them, and what decodes must not end it: a
   * decoder that refuses this stream, or is too slow for it, would refuse it again.
   */
  #wished(message: string): void {
    const sinceMs = this.#clock.nowMs() - this.#recorder.lastKeyframeMs;
    if (sinceMs > KEYFRAMES_STOPPED_MS) this.reconnect(message);
    else this.#log.info(`the connection stays, for keyframes come: ${message}`);
  }

  policy(policy: RecordPolicy): void {
    this.#recorder.policy(policy);
  }

  /** Wall times, milliseconds since 1970. */
  mark({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): void {
    this.#recorder.mark(fromMs, toMs);
  }

  reconnect(message: string): void {
    this.#log.warn(`reconnecting: ${message}`);
    this.#capture.reconnect(message);
  }

  close(): Promise<void> {
    return this.#scope.close();
  }
}

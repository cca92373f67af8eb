import { type Channel, type Clock, type Log, messageOf, Scope, type Timer } from '@vigia/base';
import { type ConnectionState, RelayServer } from '#core/encoded';
import type { RecordPolicy, RecordRoom } from '#core/footage';
import {
  INGEST_MEMORY,
  type IngestCounters,
  type IngestSetup,
  type IngestWords,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { Recorder } from '#services/recorder';
import { StreamCapture } from '#services/stream-capture';

/** How long it may take to close: what waits is written. Milliseconds. */
export const CLOSE_MS = 800;
/** A relay that could not listen is tried again so often. Milliseconds. */
const LISTEN_AGAIN_MS = 5_000;
/** Without a keyframe for so long a recording has nothing either. Milliseconds. */
const KEYFRAMES_STOPPED_MS = 60_000;

/** The connection to the node. */
export type ToNode = Pick<Channel<IngestWords, NodeToIngestWords>, 'notify'>;

/** Options of {@link Ingest}. */
export interface IngestOptions {
  readonly setup: IngestSetup;
  /** The run of the node. */
  readonly boot: string;
  readonly node: ToNode;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The connection to a camera that is recorded: nothing here decodes, and nobody's code runs here. Units go to the recorder,
 * and over a socket to the camera process.
 */
export class Ingest {
  readonly #o: IngestOptions;
  readonly #capture: StreamCapture;
  readonly #recorder: Recorder;
  readonly #scope = new Scope();
  #relay: RelayServer | undefined;
  #retry: Timer | undefined;
  #state: ConnectionState | undefined;

  constructor(options: IngestOptions) {
    const { setup, boot, node, clock, log } = options;
    const { camera } = setup;
    this.#o = options;
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
      onState: (state) => {
        this.#state = state;
        this.#relay?.follow(state);
      },
    });
    this.#recorder = new Recorder({
      node: setup.node,
      camera,
      boot,
      dirs: setup.dirs,
      policy: setup.policy,
      clock,
      log,
      ringBytes: setup.ringBytes,
      tap: this.#capture.openTap({ maxBytes: INGEST_MEMORY.recorder }),
      onState: (state) => node.notify('recorder', { camera, state }),
      onWritten: (written) => node.notify('written', { camera, written }),
      onGap: (sinceMs, reason) => node.notify('gap', { camera, sinceMs, reason }),
    });
  }

  /** Listens, then connects to the camera and records: also when it cannot listen, for a recording does not need that. */
  async start(): Promise<void> {
    // In reverse order: the recorder writes what the capture has brought.
    this.#scope.defer(() => this.#relay?.close());
    this.#scope.defer(() => this.#recorder.close());
    this.#scope.defer(() => this.#capture.close());
    await this.#listen();
    if (this.#scope.closed) return;
    this.#capture.start();
    this.#recorder.start();
  }

  async #listen(): Promise<void> {
    const { setup, clock, log } = this.#o;
    try {
      const relay = await RelayServer.open({
        socketPath: setup.socketPath,
        clock,
        log,
        openTap: (options) => this.#capture.openTap(options),
        lostPackets: () => this.#capture.lostPackets,
        onReconnect: (message) => this.#wished(message),
        readerBytes: INGEST_MEMORY.reader,
      });
      if (this.#scope.closed) return await relay.close();
      this.#relay = relay;
      if (this.#state) relay.follow(this.#state);
    } catch (error) {
      if (this.#scope.closed) return;
      log.error(`its units cannot be passed on, tried again in ${LISTEN_AGAIN_MS / 1000} s: ${messageOf(error)}`);
      this.#retry = clock.after(LISTEN_AGAIN_MS, () => void this.#listen());
    }
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
    const sinceMs = this.#o.clock.nowMs() - this.#recorder.lastKeyframeMs;
    if (sinceMs > KEYFRAMES_STOPPED_MS) this.reconnect(message);
    else this.#o.log.info(`the connection stays, for keyframes come: ${message}`);
  }

  policy(policy: RecordPolicy): void {
    this.#recorder.policy(policy);
  }

  /** Wall times, milliseconds since 1970. */
  mark({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): void {
    this.#recorder.mark(fromMs, toMs);
  }

  reconnect(message: string): void {
    this.#o.log.warn(`reconnecting: ${message}`);
    this.#capture.reconnect(message);
  }

  close(): Promise<void> {
    this.#retry?.cancel();
    return this.#scope.close();
  }
}

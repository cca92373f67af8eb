import { type Channel, type Clock, every, type Log, messageOf, Scope, VigiaError } from '@vigia/base';
import type { MainStreamReport, ResultMessage, StreamReport } from '@vigia/contracts';
import { FrameSupplier } from '@vigia/frame-supplier';
import {
  allConsumers,
  CAMERA_UNITS_MEMORY,
  type CameraSetup,
  type CameraSnapshot,
  type CameraStart,
  type CameraWords,
  type EndWorker,
  type NodeWords,
  type Pace,
  type SourceSetup,
  type StateNotice,
  type Tile,
  type Tune,
  workerStopMs,
} from '#core/camera-link';
import { RelayedSource, RelayServer } from '#core/encoded';
import { geometryOf, WHOLE } from '#core/media';
import { FrameScaler, type Picture } from '#core/media/libav';
import { type CaptureState, StreamCapture, type StreamCaptureOptions } from '#services/stream-capture';
import { CameraConsumers } from './camera-consumers.ts';
import { Demand } from './demand.ts';
import type { ConsumerNews } from './node-outbox.ts';
import { type PictureRequest, PictureRequests } from './picture-requests.ts';
import { TilePictures } from './tile-pictures.ts';

/** The supervisor's view and the totals of a process that dies are at most this old. Milliseconds. */
const SNAPSHOT_EVERY_MS = 500;
/** How long everything but its workers may take to close. Milliseconds. */
export const CLOSE_MS = 800;
/** Between tries to reach the process that holds the connection. */
const RELAY_BACKOFF = { firstMs: 100, maxMs: 2_000 };
/** A camera's connection to the node. */
export interface ToNode extends Pick<Channel<CameraWords, NodeWords>, 'notify'> {
  /** The process cannot continue: reports the reason to the node and ends itself. */
  fail(message: string): void;
}

/**
 * One camera: capture → supplier → consumers, in a process of its own. Composition only; the parts know nothing of each
 * other. Everything is owned by one scope.
 */
export class Camera {
  readonly #setup: CameraSetup;
  readonly #clock: Clock;
  readonly #node: ToNode;
  readonly #scope = new Scope();
  readonly #supplier: FrameSupplier<Picture>;
  /** The stream that consumers analyse. */
  readonly #capture: StreamCapture;
  /** The large stream beside it, if the camera has two. It is read, but decoded only for snapshots. */
  readonly #main: StreamCapture | undefined;
  #mainState: CaptureState = { state: 'connecting' };
  readonly #consumers: CameraConsumers;
  #state: CaptureState = { state: 'connecting' };
  readonly #pictures: PictureRequests;
  readonly #tiles: TilePictures;
  readonly #demand: Demand;
  readonly #log: Log;
  /** Passes the camera's units on, unless another process does. */
  #relay: RelayServer | undefined;
  #smallRelay: RelayServer | undefined;
  #unsentState: StateNotice | undefined;
  #unsentResults = 0;

  constructor({ setup, boot }: CameraStart, node: ToNode, clock: Clock, log: Log) {
    this.#setup = setup;
    this.#log = log;
    this.#pictures = new PictureRequests(
      clock,
      allConsumers(setup).map((consumer) => consumer.deadlineMs),
    );
    this.#tiles = new TilePictures({
      clock,
      scaler: new FrameScaler(setup.privacy),
      encode: async (rgb, width) => (await import('#services/snapshot')).encodeTile(rgb, width),
    });
    this.#scope.defer(() => this.#tiles.close());
    this.#node = node;
    this.#clock = clock;
    this.#supplier = new FrameSupplier<Picture>({ clock, sourceIntervalMs: () => this.#capture.sourceIntervalMs });
    this.#scope.defer(() => this.#supplier.stop());
    this.#supplier.start();
    this.#demand = new Demand({
      consumers: () => this.#supplier.consumers,
      snapshots: () => this.#pictures.bare,
      tiles: () => this.#tiles.isWatched,
      hasLargeStream: setup.detectSource !== undefined,
    });
    this.#capture = this.#newCapture(setup.detectSource ?? setup.source, log, {
      sink: {
        publish: (picture) => this.#publish(picture),
        hasDemand: () => this.#demand.ofAnalysedStream(),
      },
      onState: (state) => this.#onState(state),
    });
    this.#main =
      setup.detectSource &&
      this.#newCapture(setup.source, log.child('main'), {
        sink: {
          publish: (picture) => {
            this.#givePicture(this.#pictures.takeBare(), picture, undefined);
            picture.release();
          },
          hasDemand: () => this.#demand.ofLargeStream(),
        },
        onState: (state) => {
          this.#mainState = state;
          this.#relay?.follow(state);
          if (state.state === 'waiting') log.warn(`the large stream: ${state.message}`);
        },
      });
    try {
      this.#consumers = new CameraConsumers(
        {
          setup,
          clock,
          log,
          supplier: this.#supplier,
          boot,
          isLive: () => this.#state.state === 'live',
          send: (message) => this.#tell(message),
          onResult: (result, picture) => this.#onResult(result, picture),
          keepPicture: () => this.#pictures.wantsAnnotated || this.#tiles.wantsResult,
          onUnending: (message) => this.#node.fail(message),
        },
        this.#scope,
      );
    } catch (error) {
      // Half the segments may exist already; closing them does not wait for anything.
      void this.#scope.close();
      throw error;
    }
    // Closed in reverse order: the captures stop before the parts they feed. Workers are asked to stop at the same
    // time, because they take longest.
    this.#scope.defer(
      async () => void (await Promise.all([this.#capture.close(), this.#main?.close(), this.#consumers.close()])),
    );
    const timer = every(clock, SNAPSHOT_EVERY_MS, () => {
      this.#consumers.watch();
      this.#sendState();
      this.#node.notify('counters', this.snapshot(false));
    });
    this.#scope.defer(() => timer.cancel());
  }

  /** Starts everything. */
  async start(): Promise<void> {
    const { units, smallUnits, detectSource, source } = this.#setup;
    if (this.#passesOn(source)) this.#relay = await this.#openRelay(this.#main ?? this.#capture, units);
    if (detectSource && this.#passesOn(detectSource))
      this.#smallRelay = await this.#openRelay(this.#capture, smallUnits);
    this.#capture.start();
    this.#main?.start();
    this.#consumers.start();
  }

  /** How long its workers may take to end. Milliseconds. */
  get workerStopMs(): number {
    return workerStopMs(allConsumers(this.#setup));
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  /** Another rate for a consumer, or with null the configured one. */
  pace({ consumer, slowed }: Pace): void {
    this.#consumers.pace(consumer, slowed);
  }

  /** Switches consumers on and off, and gives them other terms. Resolves when those that are switched off have ended. */
  tune(tunes: readonly Tune[]): Promise<void> {
    return this.#consumers.tune(tunes);
  }

  /** Ends a worker; its restart policy applies. */
  endWorker(message: EndWorker): void {
    this.#consumers.endWorker(message);
  }

  restartWorker(consumer: string): void {
    this.#consumers.restartWorker(consumer);
  }

  /** Answers with the picture of the next ok result, or, when there is none soon, with the next picture. */
  async picture(annotated: boolean, signal: AbortSignal): Promise<{ readonly jpeg: Uint8Array }> {
    const picture = this.#pictures.add(annotated && this.#consumers.count > 0, signal);
    this.#capture.askDemand();
    return { jpeg: await picture };
  }

  /** Answers with a small picture: of the next ok result, or of the next frame when none comes soon. */
  async tile(width: number, signal: AbortSignal): Promise<Tile> {
    const tile = this.#tiles.ask(width, signal);
    this.#capture.askDemand();
    return tile;
  }

  /** Rules report what nobody watches from now on. */
  closeRules(): void {
    this.#consumers?.closeRules();
  }

  /** Counters as of now. @param lastWords With the last lines of workers that ended: much text, sent on request. */
  snapshot(lastWords: boolean): CameraSnapshot {
    return {
      capture: this.#capture.counters(),
      stream: this.#streamReport(),
      main: this.#mainReport(),
      supplier: this.#supplier.counters(),
      consumers: this.#consumers.report(lastWords),
      unsentResults: this.#unsentResults,
    };
  }

  /** Who looks at its live video reads the camera's own units. With privacy zones nobody may. */
  #passesOn(stream: SourceSetup): boolean {
    const { relay, source, privacy } = this.#setup;
    return privacy.length === 0 && (stream !== source || relay === undefined);
  }

  /** Undefined when it cannot be opened: what is watched does not depend on who looks. */
  async #openRelay(capture: StreamCapture, socketPath: string): Promise<RelayServer | undefined> {
    try {
      const relay = await RelayServer.open({
        socketPath,
        clock: this.#clock,
        log: this.#log,
        openTap: (options) => capture.openTap(options),
        lostPackets: () => capture.lostPackets,
        // What decodes here decides by itself.
        onReconnect: () => undefined,
        readerBytes: CAMERA_UNITS_MEMORY.reader,
      });
      this.#scope.defer(() => relay.close());
      return relay;
    } catch (error) {
      this.#log.error(`there is no live video of this camera: ${messageOf(error)}`);
      return undefined;
    }
  }

  #newCapture(source: SourceSetup, log: Log, ends: Pick<StreamCaptureOptions, 'sink' | 'onState'>): StreamCapture {
    const { url, transport, tls } = source;
    const { decode, relay: path } = this.#setup;
    const relay =
      path === undefined || source !== this.#setup.source ? undefined : new RelayedSource(path, this.#clock);
    return new StreamCapture({
      url,
      transport,
      tls,
      clock: this.#clock,
      log,
      decode,
      ...ends,
      recentBytes: this.#passesOn(source) ? CAMERA_UNITS_MEMORY.recent : 0,
      // Another process holds the connection, and has waited already.
      ...(relay ? { open: relay.open.bind(relay), backoff: RELAY_BACKOFF } : {}),
    });
  }

  #publish(picture: Picture): void {
    if (this.#demand.snapshotOfAnalysedStream()) this.#givePicture(this.#pictures.takeBare(), picture, undefined);
    this.#tiles.ofFrame(picture);
    this.#consumers.offered(this.#clock.nowMs());
    this.#supplier.publish(picture);
  }

  #onResult(result: ResultMessage, picture: Picture | undefined): void {
    if (result.status === 'ok') {
      this.#tiles.ofResult(result, picture);
      if (picture) this.#givePicture(this.#pictures.takeAnnotated(), picture, result);
    }
    if (!this.#node.notify('result', result)) this.#unsentResults += 1;
  }

  /** Copies the picture out (it is borrowed) and encodes it beside the loop. Rare: pixels may be allocated here. */
  #givePicture(requests: readonly PictureRequest[], picture: Picture, result: ResultMessage | undefined): void {
    if (requests.length === 0) return;
    const failed = (error: unknown): void => {
      for (const { reject } of requests) reject(new VigiaError('picture_failed', messageOf(error), { cause: error }));
    };
    const { width, height } = picture;
    const scaler = new FrameScaler(this.#setup.privacy);
    try {
      const data = Buffer.allocUnsafe(width * height * 3);
      scaler.scale(picture, geometryOf(width, height, WHOLE, { width, height, fit: 'stretch', format: 'RGB24' }), data);
      // Loaded on demand: most camera processes never make a JPEG.
      import('#services/snapshot')
        .then(({ encodeSnapshot }) => encodeSnapshot({ data, width, height }, result))
        .then((jpeg) => {
          for (const { resolve } of requests) resolve(jpeg);
        }, failed);
    } catch (error) {
      failed(error);
    } finally {
      scaler.close();
    }
  }

  #onState(state: CaptureState): void {
    this.#state = state;
    (this.#main ? this.#smallRelay : this.#relay)?.follow(state);
    const reason = 'reason' in state ? (state.reason ?? null) : null;
    const message = 'message' in state ? (state.message ?? null) : null;
    const retryInMs = 'retryInMs' in state ? state.retryInMs : null;
    this.#unsentState = { state: state.state, reason, message, retryInMs };
    this.#sendState();
  }

  #tell(message: ConsumerNews): boolean {
    if (message.type === 'rule') return this.#node.notify('rule', message.notice);
    return message.type === 'event'
      ? this.#node.notify('event', message.event)
      : this.#node.notify('worker_state', message.state);
  }

  /** A state that a busy node did not take is sent again, unless a newer one replaced it. */
  #sendState(): void {
    if (this.#unsentState && this.#node.notify('state', this.#unsentState)) this.#unsentState = undefined;
  }

  #streamReport(): StreamReport | null {
    const described = this.#capture.describe();
    if (!described) return null;
    const { format, width, height, intervalMs, gopMs, decoder } = described;
    const { kind, transport, codec } = format;
    const interval_ms = Math.round(intervalMs * 100) / 100;
    const { mode: decode } = this.#setup.decode;
    return { kind, transport, codec, width, height, interval_ms, gop_ms: gopMs ?? null, decode, decoder };
  }

  #mainReport(): MainStreamReport | null {
    if (!this.#main) return null;
    const { reconnects, captured, lostPackets } = this.#main.counters();
    const { state } = this.#mainState;
    const reason = 'reason' in this.#mainState ? (this.#mainState.reason ?? null) : null;
    return { state, reason, reconnects, captured, lost_packets: lostPackets };
  }
}

import {
  addSecret,
  type Clock,
  createLog,
  endWithParent,
  every,
  jsonLineSink,
  type Log,
  messageOf,
  Scope,
  systemClock,
} from '@vigia/base';
import type { ConsumerReport, MainStreamReport, ResultMessage, StreamReport } from '@vigia/contracts';
import { FrameSupplier } from '@vigia/frame-supplier';
import {
  type CameraSetup,
  type CameraSnapshot,
  ParentChannel,
  type SourceSetup,
  type ToCamera,
  workerStopMs,
} from '#core/camera-link';
import { geometryOf, WHOLE } from '#core/media';
import { FrameScaler, type Picture } from '#core/media/libav';
import { cleanAfterSupervisor, killWorkerGroups } from '#core/node-dirs';
import { type CaptureState, StreamCapture, type StreamCaptureOptions } from '#services/stream-capture';
import { CameraConsumers } from './camera-consumers.ts';
import { Demand } from './demand.ts';

/** The supervisor's view and the totals of a process that dies are at most this old. Milliseconds. */
const SNAPSHOT_EVERY_MS = 500;
/**
 * A snapshot picture waits at least so long for a result before it is sent without boxes, and for as long as the slowest
 * model may take, up to the most: a bare one may take until the next keyframe. Milliseconds.
 */
const PICTURE_WAIT_MS = { least: 3_000, most: 5_000 };
/** The supervisor waits this long for a picture. Milliseconds. */
const PICTURE_GIVE_UP_MS = 8_000;
/** How long everything but its workers may take to close. Milliseconds. */
const CLOSE_MS = 800;
/** Pictures asked for and not yet given. */
const PICTURES_WANTED_LIMIT = 16;

/**
 * One camera: capture → supplier → consumers, in a process of its own. Composition only; the parts know nothing of each
 * other. Everything is owned by one scope.
 */
class CameraProcess {
  readonly #setup: CameraSetup;
  readonly #clock: Clock;
  readonly #channel: ParentChannel;
  readonly #scope = new Scope();
  readonly #supplier: FrameSupplier<Picture>;
  /** What the models look at. */
  readonly #capture: StreamCapture;
  /** The large stream beside it, when there are two: drained, and decoded only for a picture that somebody asks for. */
  readonly #main: StreamCapture | undefined;
  #mainState: CaptureState = { state: 'connecting' };
  readonly #consumers: CameraConsumers;
  #state: CaptureState = { state: 'connecting' };
  /** Requests for a picture with boxes, and for the next picture whatever it shows. */
  readonly #annotatedWanted: number[] = [];
  readonly #bareWanted: number[] = [];
  readonly #demand: Demand;
  #unsentResults = 0;

  constructor(setup: CameraSetup, channel: ParentChannel, clock: Clock, log: Log) {
    this.#setup = setup;
    this.#channel = channel;
    this.#clock = clock;
    this.#supplier = new FrameSupplier<Picture>({ clock, sourceIntervalMs: () => this.#capture.sourceIntervalMs });
    this.#scope.defer(() => this.#supplier.stop());
    this.#supplier.start();
    this.#demand = new Demand({
      consumers: () => this.#supplier.consumers,
      snapshots: () => this.#bareWanted.length,
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
            this.#sendPicture(this.#bareWanted.splice(0), picture, undefined);
            picture.release();
          },
          hasDemand: () => this.#demand.ofLargeStream(),
        },
        onState: (state) => {
          this.#mainState = state;
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
          isLive: () => this.#state.state === 'live',
          send: (message) => this.#channel.send(message),
          onResult: (result, picture) => this.#onResult(result, picture),
          keepPicture: () => this.#annotatedWanted.length > 0,
          onUnending: (message) => endWith(this.#channel, message),
        },
        this.#scope,
      );
    } catch (error) {
      // Half the segments may exist already; closing them does not wait for anything.
      void this.#scope.close();
      throw error;
    }
    // Last in, first out: the captures stop before what they feed; workers are told at the same time, because they take longest.
    this.#scope.defer(
      async () => void (await Promise.all([this.#capture.close(), this.#main?.close(), this.#consumers.close()])),
    );
    const timer = every(clock, SNAPSHOT_EVERY_MS, () => {
      this.#consumers.watch();
      this.sendSnapshot(undefined);
    });
    this.#scope.defer(() => timer.cancel());
  }

  start(): void {
    this.#capture.start();
    this.#main?.start();
    this.#consumers.start();
    this.#channel.send({ type: 'ready' });
  }

  /** How long its workers may take to end. Milliseconds. */
  get workerStopMs(): number {
    return workerStopMs(this.#setup.consumers);
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  /** Another rate for a consumer, or with null the configured one. */
  pace(consumer: string, slowed: ConsumerReport['slowed']): void {
    this.#consumers.pace(consumer, slowed);
  }

  /** A worker must go: see `ToCamera`. */
  endWorker(message: Extract<ToCamera, { readonly type: 'end_worker' }>): void {
    this.#consumers.endWorker(message);
  }

  restartWorker(consumer: string): void {
    this.#consumers.restartWorker(consumer);
  }

  sendSnapshot(id: number | undefined): void {
    this.#channel.send({ type: 'snapshot', id, snapshot: this.#snapshot(id !== undefined) });
  }

  /** Answers with the picture of the next ok result, or, when there is none soon, with the next picture. */
  wantPicture(id: number, annotated: boolean): void {
    if (this.#annotatedWanted.length + this.#bareWanted.length >= PICTURES_WANTED_LIMIT) {
      this.#channel.send({
        type: 'picture_failed',
        id,
        message: `${PICTURES_WANTED_LIMIT} pictures are asked for already`,
      });
      return;
    }
    if (!annotated || this.#consumers.count === 0) this.#bareWanted.push(id);
    else {
      this.#annotatedWanted.push(id);
      const slowestMs = Math.max(...this.#setup.consumers.map((consumer) => consumer.deadlineMs));
      const waitMs = Math.min(PICTURE_WAIT_MS.most, Math.max(PICTURE_WAIT_MS.least, slowestMs));
      this.#clock.after(waitMs, () => {
        if (without(this.#annotatedWanted, id)) this.#bareWanted.push(id);
      });
    }
    // Nobody waits for it any more by then.
    this.#clock.after(PICTURE_GIVE_UP_MS, () => void without(this.#bareWanted, id));
  }

  #newCapture(source: SourceSetup, log: Log, ends: Pick<StreamCaptureOptions, 'sink' | 'onState'>): StreamCapture {
    const { url, transport, tls } = source;
    return new StreamCapture({ url, transport, tls, clock: this.#clock, log, decode: this.#setup.decode, ...ends });
  }

  #publish(picture: Picture): void {
    if (this.#demand.snapshotOfAnalysedStream()) this.#sendPicture(this.#bareWanted.splice(0), picture, undefined);
    this.#consumers.offered(picture.stamps.capturedMs);
    this.#supplier.publish(picture);
  }

  #onResult(result: ResultMessage, picture: Picture | undefined): void {
    if (picture && result.status === 'ok') this.#sendPicture(this.#annotatedWanted.splice(0), picture, result);
    if (!this.#channel.send({ type: 'result', result })) this.#unsentResults += 1;
  }

  /** Copies the picture out (it is borrowed) and encodes it beside the loop. Rare: pixels may be allocated here. */
  #sendPicture(ids: readonly number[], picture: Picture, result: ResultMessage | undefined): void {
    const failed = (error: unknown): void => {
      for (const id of ids) this.#channel.send({ type: 'picture_failed', id, message: messageOf(error) });
    };
    const { width, height } = picture;
    const scaler = new FrameScaler();
    try {
      const data = Buffer.allocUnsafe(width * height * 3);
      scaler.scale(picture, geometryOf(width, height, WHOLE, { width, height, fit: 'stretch', format: 'RGB24' }), data);
      // Loaded on demand: most camera processes never make a JPEG.
      import('#services/snapshot')
        .then(({ encodeSnapshot }) => encodeSnapshot({ data, width, height }, result))
        .then((jpeg) => {
          for (const id of ids) this.#channel.send({ type: 'picture', id, jpeg });
        }, failed);
    } catch (error) {
      failed(error);
    } finally {
      scaler.close();
    }
  }

  #onState(state: CaptureState): void {
    this.#state = state;
    const reason = 'reason' in state ? (state.reason ?? null) : null;
    const message = 'message' in state ? (state.message ?? null) : null;
    const retryInMs = 'retryInMs' in state ? state.retryInMs : null;
    this.#channel.send({ type: 'state', state: state.state, reason, message, retryInMs });
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

  #snapshot(lastWords: boolean): CameraSnapshot {
    return {
      capture: this.#capture.counters(),
      stream: this.#streamReport(),
      main: this.#mainReport(),
      supplier: this.#supplier.counters(),
      consumers: this.#consumers.report(lastWords),
      unsentResults: this.#unsentResults,
    };
  }
}

/** Takes an id out of a list; false when it was not there. */
function without(ids: number[], id: number): boolean {
  const at = ids.indexOf(id);
  if (at >= 0) ids.splice(at, 1);
  return at >= 0;
}

/** Entry of a camera process: waits for its setup, runs until its parent ends it. */
function main(): void {
  const clock = systemClock;
  const channel = new ParentChannel();
  let camera: CameraProcess | undefined;
  const supervisorPid = process.ppid;
  let home: Pick<CameraSetup, 'node' | 'runDir' | 'camera'> | undefined;
  endWithParent(
    clock,
    async (orphaned) => {
      await camera?.close();
      if (!orphaned || !home) return;
      killWorkerGroups(home.runDir, home.camera);
      cleanAfterSupervisor(home.node, home.runDir, supervisorPid);
    },
    () => CLOSE_MS + (camera?.workerStopMs ?? 0),
  );
  process.on('message', (message: ToCamera) => {
    if (message.type === 'setup') {
      home = message.setup;
      for (const secret of message.setup.secrets) addSecret(secret);
      camera = start(message.setup, channel, clock);
    } else if (message.type === 'snapshot') camera?.sendSnapshot(message.id);
    else if (message.type === 'pace') camera?.pace(message.consumer, message.slowed);
    else if (message.type === 'end_worker') camera?.endWorker(message);
    else if (message.type === 'restart_worker') camera?.restartWorker(message.consumer);
    else if (message.type === 'picture') camera?.wantPicture(message.id, message.annotated);
  });
}

function start(setup: CameraSetup, channel: ParentChannel, clock: Clock): CameraProcess | undefined {
  const log = createLog(`camera:${setup.camera}`, jsonLineSink);
  try {
    const camera = new CameraProcess(setup, channel, clock, log);
    camera.start();
    return camera;
  } catch (error) {
    endWith(channel, messageOf(error));
    return undefined;
  }
}

/** The parent shows the sentence and starts another process after a while: other cameras are not concerned. */
function endWith(channel: ParentChannel, message: string): void {
  // An exit would wait for threads, and one may hang.
  channel.send({ type: 'failed', message }, () => process.kill(process.pid, 'SIGKILL'));
}

main();

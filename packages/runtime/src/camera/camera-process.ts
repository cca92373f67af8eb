import {
  addSecret,
  type Channel,
  createLog,
  endWithParent,
  type Handlers,
  ipcPort,
  jsonLineSink,
  messageOf,
  openParentChannel,
  systemClock,
  VigiaError,
} from '@vigia/base';
import { CAMERA_WORDS, type CameraStart, type CameraWords, NODE_WORDS, type NodeWords } from '#core/camera-link';
import { cleanAfterSupervisor, killWorkerGroups } from '#core/node-dirs';
import { Camera, CLOSE_MS, type ToNode } from './camera.ts';

/** The entry of a camera process: waits for its setup, runs until its parent ends it. */
class CameraProcess {
  readonly #supervisorPid = process.ppid;
  readonly #channel: Channel<CameraWords, NodeWords>;
  #start: CameraStart | undefined;
  #camera: Camera | undefined;
  /** The last counters were sent. Later results and events are not counted, so they must not be published. */
  #silent = false;

  constructor() {
    this.#channel = openParentChannel({
      clock: systemClock,
      speaks: CAMERA_WORDS,
      hears: NODE_WORDS,
      handlers: this.#handlers(),
      onProblem: (problem) => createLog('camera', jsonLineSink).error(problem.message),
    });
    endWithParent(
      systemClock,
      (orphaned) => this.#close(orphaned),
      () => CLOSE_MS + (this.#camera?.workerStopMs ?? 0),
    );
  }

  #handlers(): Handlers<NodeWords> {
    return {
      requests: {
        setup: (start) => this.#setUp(start),
        counters: () => this.#running().snapshot(true),
        farewell: () => {
          const last = this.#running().snapshot(true);
          this.#silent = true;
          return last;
        },
        picture: ({ annotated }, signal) => this.#running().picture(annotated, signal),
        restart_worker: ({ consumer }) => {
          this.#running().restartWorker(consumer);
          return null;
        },
      },
      notices: {
        pace: (pace) => this.#camera?.pace(pace),
        end_worker: (worker) => this.#camera?.endWorker(worker),
      },
    };
  }

  #setUp(start: CameraStart): null {
    if (this.#start) throw new VigiaError('start_failed', 'this process has its setup already');
    this.#start = start;
    const { setup } = start;
    for (const secret of setup.secrets) addSecret(secret);
    try {
      this.#camera = new Camera(start, this.#toNode(), systemClock, createLog(`camera:${setup.camera}`, jsonLineSink));
      this.#camera.start();
    } catch (error) {
      // The parent shows the message and starts another process after a pause. Other cameras are not affected.
      setImmediate(() => this.#killWhenSaid());
      throw new VigiaError('start_failed', messageOf(error), { cause: error });
    }
    // A parent that is gone closes the channel, and that ends this process.
    ipcPort(process).send({ type: 'ready' }, () => undefined);
    return null;
  }

  /** Sends the camera's messages to the node, until the last counters were sent. */
  #toNode(): ToNode {
    return {
      notify: (name, notice) => !this.#silent && this.#channel.notify(name, notice),
      fail: (message) => {
        this.#channel.notify('failing', { message });
        this.#killWhenSaid();
      },
    };
  }

  #running(): Camera {
    if (!this.#camera) throw new VigiaError('not_started', 'this process has no setup yet');
    return this.#camera;
  }

  /** An exit would wait for threads, and one may hang. */
  #killWhenSaid(): void {
    void this.#channel.flushed().then(() => process.kill(process.pid, 'SIGKILL'));
  }

  async #close(orphaned: boolean): Promise<void> {
    await this.#camera?.close();
    if (!orphaned || !this.#start) return;
    const { node, runDir, camera } = this.#start.setup;
    killWorkerGroups(runDir, camera);
    cleanAfterSupervisor(node, runDir, this.#supervisorPid);
  }
}

void new CameraProcess();

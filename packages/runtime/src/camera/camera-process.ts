import { addSecret, ChildEntry, createLog, type Handlers, jsonLineSink, systemClock, VigiaError } from '@vigia/base';
import { CAMERA_WORDS, type CameraStart, type CameraWords, NODE_WORDS, type NodeWords } from '#core/camera-link';
import { cleanAfterSupervisor, killWorkerGroups } from '#core/node-dirs';
import { Camera, CLOSE_MS, type ToNode } from './camera.ts';

/** The entry of a camera process: waits for its setup, runs until its parent ends it. */
class CameraProcess {
  readonly #supervisorPid = process.ppid;
  readonly #entry: ChildEntry<CameraWords, NodeWords>;
  #start: CameraStart | undefined;
  #camera: Camera | undefined;
  /** The last counters were sent. Later results and events are not counted, so they must not be published. */
  #silent = false;

  constructor() {
    this.#entry = new ChildEntry({
      name: 'camera',
      speaks: CAMERA_WORDS,
      hears: NODE_WORDS,
      handlers: this.#handlers(),
      close: (orphaned) => this.#close(orphaned),
      closeMs: () => CLOSE_MS + (this.#camera?.workerStopMs ?? 0),
    });
  }

  #handlers(): Handlers<NodeWords> {
    return {
      requests: {
        setup: (start) => this.#entry.setUp(() => this.#begin(start)),
        counters: () => this.#running().snapshot(true),
        farewell: () => {
          // Who was just seen to fall is an alarm: the next process does not know them.
          this.#running().closeRules();
          const last = this.#running().snapshot(true);
          this.#silent = true;
          return last;
        },
        picture: ({ annotated }, signal) => this.#running().picture(annotated, signal),
        tile: ({ width }, signal) => this.#running().tile(width, signal),
        restart_worker: ({ consumer }) => {
          this.#running().restartWorker(consumer);
          return null;
        },
        tune: async (tunes) => {
          await this.#running().tune(tunes);
          return null;
        },
      },
      notices: {
        pace: (pace) => this.#camera?.pace(pace),
        end_worker: (worker) => this.#camera?.endWorker(worker),
      },
    };
  }

  async #begin(start: CameraStart): Promise<void> {
    this.#start = start;
    const { setup } = start;
    for (const secret of setup.secrets) addSecret(secret);
    this.#camera = new Camera(start, this.#toNode(), systemClock, createLog(`camera:${setup.camera}`, jsonLineSink));
    await this.#camera.start();
  }

  /** Sends the camera's messages to the node, until the last counters were sent. */
  #toNode(): ToNode {
    return {
      notify: (name, notice) => !this.#silent && this.#entry.channel.notify(name, notice),
      fail: (message) => {
        this.#entry.channel.notify('failing', { message });
        this.#entry.killWhenSaid();
      },
    };
  }

  #running(): Camera {
    if (!this.#camera) throw new VigiaError('not_started', 'this process has no setup yet');
    return this.#camera;
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

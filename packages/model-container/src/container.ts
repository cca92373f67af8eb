import { createLog, jsonLineSink, type Log, messageOf, Scope, systemClock, UsageError, VigiaError } from '@vigia/base';
import { CONTAINER_PROTOCOL_VERSION } from '@vigia/contracts';
import { FrameRoots } from '#frames';
import { ThreadRunner } from '#inference';
import { ContainerServer } from '#server';
import type { ContainerArguments } from './arguments.ts';

/** Sent to the parent once, when the container starts answering requests. */
export interface ContainerReady {
  readonly type: 'ready';
  readonly protocol: typeof CONTAINER_PROTOCOL_VERSION;
  readonly pid: number;
  readonly model_id: string;
  readonly model_version: string;
  readonly socket: string;
  /** Milliseconds of the first inference, on the golden picture. */
  readonly probe_ms: number;
}

/** Longest time from the request to stop until the process has exited. */
const STOP_MS = 800;

/** A container process: model thread and server, started in this order and stopped in reverse. */
export class Container {
  readonly ready: ContainerReady;
  readonly #scope: Scope;
  readonly #log: Log;
  /** Set once the model's thread has died and nothing is left to serve. */
  #exitCode = 0;

  private constructor(ready: ContainerReady, scope: Scope, log: Log) {
    this.ready = ready;
    this.#scope = scope;
    this.#log = log;
  }

  /**
   * Loads and checks the model, then listens.
   *
   * @throws UsageError, or VigiaError of the model (`model_*`) or the socket (`socket*`). Nothing is left open then.
   */
  static async start(settings: ContainerArguments): Promise<Container> {
    const log = createLog(`model:${settings.modelId}`, jsonLineSink);
    const scope = new Scope();
    let container: Container | undefined;
    let died: string | undefined;
    try {
      const { modelId, source, threads, provider, maxBatch, allowDirs, socketPath } = settings;
      checkRoots(allowDirs);
      const runner = await ThreadRunner.start({
        worker: { model: { source, threads, provider, maxBatch }, allowDirs },
        onDeath: (reason) => {
          died = reason;
          container?.modelDied(reason);
        },
      });
      scope.defer(() => runner.close());
      const server = await ContainerServer.start({ modelId, runner, socketPath, log });
      scope.defer(() => server.close());
      // `onDeath` had no container to notify yet.
      if (died !== undefined) throw new VigiaError('model_load', `the model is gone: ${died}`);
      const ready = readyMessage(settings, runner.facts.version, runner.probe.inferenceMs);
      container = new Container(ready, scope, log);
      return container;
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  /** Reports `ready` to parent and log, and stops when the parent dies or requests it. */
  attachToProcess(): void {
    const stop = (): void => void this.stop();
    process.once('SIGTERM', stop);
    // Ctrl-C in a terminal reaches the whole process group. A child waits for its parent's message, so that only the
    // parent decides.
    process.on('SIGINT', () => (process.channel ? undefined : stop()));
    // The hang-up of a terminal likewise: who dies of it leaves a socket behind.
    process.on('SIGHUP', () => (process.channel ? undefined : stop()));
    process.once('disconnect', stop);
    // The message of `SupervisedChild.stop`, which sends a signal only to a child that ignores it.
    process.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'stop') stop();
    });
    // The parent may have died while the model was loading: `disconnect` has been emitted already.
    if (process.send && !process.connected) {
      stop();
      return;
    }
    const { model_id, model_version, probe_ms } = this.ready;
    this.#log.info(`ready: ${model_id} version ${model_version}, first inference ${probe_ms} ms`);
    process.send?.(this.ready, undefined, undefined, (error) => error && stop());
  }

  /** Closes everything and exits, within {@link STOP_MS} even if an inference hangs. */
  async stop(): Promise<void> {
    // process.exit waits for the thread's native code, possibly for seconds; SIGKILL does not.
    systemClock.after(STOP_MS, () => process.kill(process.pid, 'SIGKILL'), { unref: true });
    await this.#scope.close();
    process.exit(this.#exitCode);
  }

  /** The model's thread has died: the parent starts another container. */
  modelDied(reason: string): void {
    this.#log.error(`the model is gone: ${reason}`);
    this.#exitCode = 1;
    void this.stop();
  }
}

function checkRoots(dirs: readonly string[]): void {
  try {
    // Checked again by the inference thread. Here the error comes early and names the option.
    void new FrameRoots(dirs);
  } catch (error) {
    throw new UsageError(`--allow-dir: ${messageOf(error)}`, { cause: error });
  }
}

function readyMessage(settings: ContainerArguments, version: string, probeMs: number): ContainerReady {
  return {
    type: 'ready',
    protocol: CONTAINER_PROTOCOL_VERSION,
    pid: process.pid,
    model_id: settings.modelId,
    model_version: version,
    socket: settings.socketPath,
    probe_ms: Math.round(probeMs * 10) / 10,
  };
}

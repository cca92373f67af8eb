import { type ChildProcess, fork } from 'node:child_process';
import { systemClock } from '@vigia/base';
import type { CameraCommand, CameraEvent, SimulatedCameraSettings } from '@vigia/testkit';
import type { BenchRun } from './bench-run.ts';
import { CLIP, SIMULATED_CAMERA } from './paths.ts';
import { Waiter } from './waiter.ts';
import { endChild } from './processes.ts';

/** A simulated camera in a separate process, which reports every unit it sends. */
export class CameraFork {
  readonly #process: ChildProcess;
  readonly #waiter: Waiter;
  /** Monotonic milliseconds at which the unit with this RTP time was sent. Filled with `reportUnits` only. */
  readonly sentMs: Map<number, number> = new Map();
  /** Time of the latest PLAY report, monotonic milliseconds. */
  playedMs = 0;
  #url: string | undefined;
  #failure: string | undefined;

  private constructor(run: BenchRun, options: object) {
    this.#waiter = new Waiter(run.signal);
    this.#process = fork(SIMULATED_CAMERA, [JSON.stringify({ clip: CLIP, ...options })], { execArgv: [] });
    this.#process.on('message', (event) => this.#onEvent(event as CameraEvent));
    this.#process.once('exit', () => this.#fail('the simulated camera ended'));
    this.#process.once('error', (error) => this.#fail(error.message));
  }

  /** Starts one and waits until it listens. It closes with the run's scope. */
  static async start(
    run: BenchRun,
    options: { readonly reportUnits?: boolean } & Partial<SimulatedCameraSettings>,
  ): Promise<CameraFork> {
    const camera = new CameraFork(run, options);
    run.scope.defer(() => camera.close());
    await camera.#waiter.until('start of a simulated camera', () => {
      if (camera.#failure !== undefined) throw new Error(camera.#failure);
      return camera.#url;
    });
    return camera;
  }

  get url(): string {
    return this.#url ?? '';
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Cuts all connections; new ones are accepted. */
  dropClients(): void {
    this.#send({ type: 'drop_clients' });
  }

  /** Resolves when the process has exited. Idempotent. */
  close(): Promise<void> {
    return endChild(this.#process);
  }

  #send(command: CameraCommand): void {
    this.#process.send(command);
  }

  #onEvent(event: CameraEvent): void {
    if (event.type === 'unit') this.sentMs.set(event.unit.rtpTime, Number(BigInt(event.unit.sentMonotonicNs)) / 1e6);
    else if (event.type === 'playing' && event.sessions > 0) this.playedMs = systemClock.nowMs();
    else if (event.type === 'ready') this.#url = event.url;
    else if (event.type === 'failed') this.#failure = event.message;
    this.#waiter.wake();
  }

  #fail(message: string): void {
    this.#failure ??= message;
    this.#waiter.wake();
  }
}

import { fileURLToPath } from 'node:url';
import { type Clock, type Log, type LogRecord, Scope } from '@vigia/base';
import type { CameraReport, Report } from '@vigia/contracts';
import { containerEntry } from '@vigia/model-container';
import { checkSocketPath, controlSocketPath, removeSegmentsOf } from '#core/node-dirs';
import { readProcessUsage } from '#core/process-stats';
import { serveControl } from '#services/control-plane';
import { emitStats, MqttEmitter } from '#services/event-emitter';
import { CameraHandle, ModelHandle } from '#services/orchestrator';
import type { NodeStatus, ViewEvent } from '#services/terminal-view';
import type { Plan, PlannedModel } from './plan.ts';

/** Options of {@link Supervisor}. */
export interface SupervisorOptions {
  readonly plan: Plan;
  readonly runDir: string;
  readonly mqttUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onEvent: (event: ViewEvent) => void;
}

const CAMERA_ENTRY = fileURLToPath(new URL('./camera-process.js', import.meta.url));
const STATS_MS = 10_000;

/**
 * The node: starts and watches one process per camera and per model, passes results on, and never touches a pixel or
 * waits for a camera, a model or a broker.
 */
export class Supervisor {
  readonly #o: SupervisorOptions;
  readonly #scope = new Scope();
  readonly #cameras = new Map<string, CameraHandle>();
  readonly #models = new Map<string, ModelHandle>();
  readonly #startedMs: number;
  #mqtt: MqttEmitter | undefined;

  constructor(options: SupervisorOptions) {
    this.#o = options;
    this.#startedMs = options.clock.nowMs();
  }

  /** Starts everything; resolves when all processes are on their way, whether or not a camera answers. */
  async start(): Promise<void> {
    const { plan, runDir, log } = this.#o;
    for (const model of plan.models) checkSocketPath(model.socketPath);
    this.#startMqtt();
    // Deferred first, so closed last: models go after the cameras that use them.
    this.#scope.defer(async () => void (await Promise.all([...this.#models.values()].map((m) => m.stop()))));
    this.#scope.defer(async () => void (await Promise.all([...this.#cameras.values()].map((c) => c.stop()))));
    for (const model of plan.models) this.#startModel(model);
    for (const setup of plan.cameras) this.#startCamera(setup);
    this.#scope.defer(await serveControl(controlSocketPath(runDir), this));
    log.debug('started');
  }

  /** Stops cameras, models and the connection to the broker, in that order. Idempotent. */
  stop(): Promise<void> {
    return this.#scope.close();
  }

  get cameraIds(): readonly string[] {
    return [...this.#cameras.keys()];
  }

  camera(id: string): CameraHandle | undefined {
    return this.#cameras.get(id);
  }

  /** Cameras from which no picture ever came, each with what is known about why. */
  neverLive(): string[] {
    const silent = [...this.#cameras.values()].filter((c) => !c.everLive);
    return silent.map((c) => `camera ${c.id}: no picture came (${c.state.message ?? c.state.state})`);
  }

  /** One snapshot of everything. Cameras and models that do not answer are reported as last heard. */
  async report(): Promise<Report> {
    const durationMs = this.#o.clock.nowMs() - this.#startedMs;
    const [cameras, models] = await Promise.all([reports(this.#cameras), reports(this.#models)]);
    return {
      version: 1,
      node: this.#o.plan.node,
      duration_ms: Math.round(durationMs),
      cameras,
      models,
      mqtt: this.#mqtt ? { connected: this.#mqtt.connected, dropped: this.#mqtt.dropped } : null,
      system: { shm_bytes: this.#o.plan.shmBytes, processes: this.#processes() },
    };
  }

  /** What a view draws: counters as last heard, nothing is asked. */
  status(): NodeStatus {
    return {
      node: this.#o.plan.node,
      upMs: this.#o.clock.nowMs() - this.#startedMs,
      shmBytes: this.#o.plan.shmBytes,
      mqtt: this.#mqttText(),
      cameras: new Map(
        [...this.#cameras].map(([id, c]) => [id, { report: c.recentReport(), message: c.state.message }]),
      ),
      models: new Map([...this.#models].map(([id, m]) => [id, m.recentReport()])),
    };
  }

  #startMqtt(): void {
    const { mqttUrl, plan, clock, log } = this.#o;
    if (mqttUrl === undefined) return;
    const emitter = new MqttEmitter({ url: mqttUrl, node: plan.node, clock, log: log.child('mqtt') });
    this.#mqtt = emitter;
    this.#scope.defer(() => emitter.close());
    emitter.start();
    const timer = emitStats(emitter, clock, STATS_MS, () => this.#consumerReports());
    this.#scope.defer(() => timer.cancel());
  }

  #startModel(model: PlannedModel): void {
    const { clock, log, onLog, onEvent } = this.#o;
    const handle = new ModelHandle({
      id: model.id,
      entry: containerEntry,
      args: [
        '--model-id',
        model.id,
        '--model',
        model.dir,
        '--socket',
        model.socketPath,
        '--threads',
        String(model.threads),
      ],
      socketPath: model.socketPath,
      clock,
      log,
      onLog,
      onState: (id, state) => onEvent({ type: 'model_state', model: id, state }),
    });
    this.#models.set(model.id, handle);
    handle.start();
  }

  #startCamera(setup: Plan['cameras'][number]): void {
    const { clock, log, onLog, onEvent } = this.#o;
    const handle = new CameraHandle({
      setup,
      entry: CAMERA_ENTRY,
      clock,
      log,
      onLog,
      onState: (state) => {
        this.#mqtt?.cameraState(state);
        onEvent({ type: 'camera_state', state });
      },
      onResult: (result) => {
        this.#mqtt?.result(result);
        onEvent({ type: 'result', result });
      },
      onDied: (pid) => removeSegmentsOf(this.#o.plan.node, pid),
    });
    this.#cameras.set(setup.camera, handle);
    handle.start();
  }

  *#consumerReports(): Iterable<readonly [string, string, CameraReport['consumers'][string]]> {
    for (const [id, camera] of this.#cameras) {
      for (const [name, report] of Object.entries(camera.recentReport().consumers)) yield [id, name, report];
    }
  }

  #processes(): Report['system']['processes'] {
    const pids: [string, number | undefined][] = [
      ['supervisor', process.pid],
      ...[...this.#cameras].map(([id, c]): [string, number | undefined] => [`camera:${id}`, c.pid]),
      ...[...this.#models].map(([id, m]): [string, number | undefined] => [`model:${id}`, m.pid]),
    ];
    const out: Report['system']['processes'] = {};
    for (const [name, pid] of pids) {
      const usage = pid === undefined ? undefined : readProcessUsage(pid);
      if (usage) out[name] = { pss_bytes: usage.pssBytes, cpu_s: usage.cpuSeconds };
    }
    return out;
  }

  #mqttText(): string {
    if (!this.#mqtt) return 'off';
    return this.#mqtt.connected ? 'connected' : 'not connected';
  }
}

async function reports<T>(handles: ReadonlyMap<string, { report(): Promise<T> }>): Promise<Record<string, T>> {
  return Object.fromEntries(
    await Promise.all([...handles].map(async ([id, handle]): Promise<[string, T]> => [id, await handle.report()])),
  );
}

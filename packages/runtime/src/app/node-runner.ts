import { writeFileSync } from 'node:fs';
import {
  createLog,
  every,
  formatRecord,
  messageOf,
  Scope,
  sleep,
  systemClock,
  UsageError,
  VigiaError,
} from '@vigia/base';
import { type Config, conservationErrors, type Report } from '@vigia/contracts';
import { type ModelStatus, ModelStore } from '@vigia/model-container';
import { lockNode } from '#core/node-dirs';
import { paletteFor, ProgressBar } from '#core/terminal';
import { JsonView, LiveView, PlainView, type View } from '#services/terminal-view';
import { admit, type Plan, planOf } from './plan.ts';
import { Supervisor } from './supervisor.ts';

/** How a node is to be run. */
export interface RunOptions {
  /** Stops by itself after this time. Default: runs until a signal. */
  readonly forMs: number | undefined;
  /** Where the report goes at the end. */
  readonly reportFile: string | undefined;
  /** One JSON object per line on stdout instead of a view. */
  readonly json: boolean;
}

const DRAW_MS = 500;
/** A second signal this much later means: now. (npm passes a terminal's Ctrl-C on, so two come at once.) */
const INSIST_MS = 400;

/**
 * Runs a configuration until its time is up or a signal comes, then reports and stops.
 *
 * @returns the exit code: 0, or 1 when something failed while running.
 */
export async function runNode(config: Config, options: RunOptions): Promise<number> {
  const clock = systemClock;
  const ending = new Ending();
  const scope = new Scope();
  try {
    const lock = lockNode(config.node);
    scope.defer(() => lock.release());
    const plan = planOf(config, lock.runDir, await locateModels(config, { pull: true, signal: ending.signal }));
    admit(plan);
    const view = openView(options);
    scope.defer(() => view.close());
    const supervisor = startSupervisor(config, plan, lock.runDir, view);
    scope.defer(() => supervisor.stop());
    await supervisor.start();
    const drawing = every(clock, DRAW_MS, () => view.draw(supervisor.status()));
    scope.defer(() => drawing.cancel());
    await untilEnd(options.forMs, ending);
    const report = await supervisor.report();
    view.draw(supervisor.status());
    // A run that was cut short has promised nothing.
    const silent = options.forMs === undefined || ending.signal.aborted ? [] : supervisor.neverLive();
    await scope.close();
    return conclude(report, options, silent);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    // Stopped while it was still starting: what was asked for.
    return 0;
  } finally {
    await scope.close();
    ending.close();
  }
}

/** @throws UsageError for a model that is not in the catalogue. Returns the catalogue. */
export async function checkModels(config: Config, store: ModelStore): Promise<ModelStatus[]> {
  const catalogue = await store.list();
  const ids = catalogue.map((m) => m.id);
  for (const [id, { use }] of Object.entries(config.models)) {
    if (!ids.includes(use))
      throw new UsageError(
        `models.${id}.use: there is no model "${use}"; \`vigia models list\` shows ${ids.join(', ')}`,
      );
  }
  return catalogue;
}

/** Where each model of a configuration is; fetches what is absent, with a bar, when `pull` says so. */
export async function locateModels(
  config: Config,
  options: { readonly pull: boolean; readonly signal?: AbortSignal },
): Promise<Map<string, Awaited<ReturnType<ModelStore['resolve']>>>> {
  const store = new ModelStore();
  const located = new Map<string, Awaited<ReturnType<ModelStore['resolve']>>>();
  const catalogue = await checkModels(config, store);
  for (const [id, { use }] of Object.entries(config.models)) {
    const entry = catalogue.find((m) => m.id === use);
    if (!entry?.present && !options.pull)
      throw new VigiaError(
        'model_absent',
        `model ${use} is not on this machine; \`vigia models pull ${use}\` fetches it`,
      );
    located.set(id, entry?.present ? await store.resolve(use) : await pullModel(store, use, options.signal));
  }
  return located;
}

/** Fetches a model with a progress bar on stderr. */
export async function pullModel(
  store: ModelStore,
  id: string,
  signal?: AbortSignal,
): Promise<Awaited<ReturnType<ModelStore['pull']>>> {
  const bar = new ProgressBar(`fetching ${id}`, process.stderr);
  const model = await store.pull(id, {
    onProgress: (received, total) => bar.update(received, total),
    ...(signal ? { signal } : {}),
  });
  bar.done(`model ${id} ${model.manifest.version} is ready`);
  return model;
}

/** Turns signals into the end of a run: the first asks, a second one insists. */
class Ending {
  readonly #abort = new AbortController();
  #signalledMs: number | undefined;

  constructor() {
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
    process.on('SIGHUP', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  close(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    const now = systemClock.nowMs();
    // The children end when this process does.
    if (this.#signalledMs !== undefined && now - this.#signalledMs > INSIST_MS) process.exit(1);
    this.#signalledMs ??= now;
    this.#abort.abort();
  };
}

function startSupervisor(config: Config, plan: Plan, runDir: string, view: View): Supervisor {
  const onLog = (record: Parameters<typeof formatRecord>[0]): void => {
    if (view instanceof JsonView) process.stderr.write(`${formatRecord(record)}\n`);
    else view.onLog(formatRecord(record));
  };
  return new Supervisor({
    plan,
    runDir,
    mqttUrl: config.mqtt?.url,
    clock: systemClock,
    log: createLog('supervisor', onLog),
    onLog,
    onEvent: (event) => view.onEvent(event),
  });
}

async function untilEnd(forMs: number | undefined, ending: Ending): Promise<void> {
  const { signal } = ending;
  if (forMs !== undefined) {
    // Ended early by a signal: that is an end like any other.
    await sleep(systemClock, forMs, signal).catch(() => undefined);
    return;
  }
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function openView(options: RunOptions): View {
  if (options.json) return new JsonView(process.stdout);
  if (process.stdout.isTTY) return new LiveView(process.stdout, paletteFor(process.stdout), systemClock);
  return new PlainView((line) => process.stdout.write(`${line}\n`), systemClock);
}

function conclude(report: Report, options: RunOptions, failures: readonly string[]): number {
  if (options.reportFile !== undefined) writeReport(options.reportFile, report);
  const problems = [...failures, ...conservationErrors(report).map((e) => `frames are not conserved: ${e}`)];
  if (!options.json) for (const line of summaryOf(report)) process.stdout.write(`${line}\n`);
  for (const problem of problems) process.stderr.write(`vigia: ${problem}\n`);
  return problems.length > 0 ? 1 : 0;
}

function writeReport(file: string, report: Report): void {
  try {
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw new VigiaError('report', `${file}: the report cannot be written (${messageOf(error)})`, {
      path: file,
      cause: error,
    });
  }
}

function summaryOf(report: Report): string[] {
  const seconds = report.duration_ms / 1000;
  const lines = [`${seconds.toFixed(1)} s`];
  for (const [id, camera] of Object.entries(report.cameras)) {
    lines.push(
      `camera ${id}: ${camera.state}, ${camera.captured} captured (${(camera.captured / seconds).toFixed(1)}/s), ${camera.reconnects} reconnects`,
    );
    for (const [name, c] of Object.entries(camera.consumers)) {
      const age = c.age_ms
        ? `age p50 ${c.age_ms.p50.toFixed(1)} p95 ${c.age_ms.p95.toFixed(1)} p99 ${c.age_ms.p99.toFixed(1)} max ${c.age_ms.max.toFixed(1)} ms`
        : 'no ok result';
      const results = Object.entries(c.results)
        .filter(([, n]) => n > 0)
        .map(([status, n]) => `${n} ${status}`);
      const dropped = Object.entries(c.dropped)
        .filter(([, n]) => n > 0)
        .map(([cause, n]) => `${n} ${cause}`);
      const seen = Object.entries(c.results_with).map(([kind, n]) => `${kind} in ${n}`);
      lines.push(
        `  ${name} (${c.model}): ${results.join(', ') || 'no results'}; ${age}; dropped ${dropped.join(', ') || 'none'}; saw ${seen.join(', ') || 'nothing'}`,
      );
    }
  }
  return lines;
}

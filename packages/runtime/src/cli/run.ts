import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createLog,
  every,
  formatRecord,
  type Log,
  messageOf,
  quoted,
  Scope,
  sleep,
  systemClock,
  VigiaError,
} from '@vigia/base';
import { type Config, conservationErrors, type Report } from '@vigia/contracts';
import { killWorkerGroups, lockNode, removeDeadModelSockets, stateDirOf } from '#core/node-dirs';
import { paletteFor } from '#core/terminal';
import { JsonView, LiveView, PlainView, type View } from '#cli/views';
import type { ModelStore } from '@vigia/model-container';
import type { ConfigFile } from '#node/config';
import { fileAlone, type Initial, initialOf, type Kept, KeptFile } from '#node/desired';
import { type DemoCameras, LogRing, Supervisor, type SupervisorOptions } from '#node';
import { NodeStore } from '#services/store';
import { admit, budgetOf, locateModels, planOf, pullModel, roomFor, sums } from '#node/plan';
import { Ending } from './ending.ts';
import type { RunOptions } from './options.ts';
import { version } from './version.ts';
import { readKeys } from './view-keys.ts';

const DRAW_MS = 500;
/**
 * Ends the process this long after everything was closed, even if a handle is still open. The demo closes its own parts
 * meanwhile.
 */
const LINGER_MS = 3_000;

/**
 * Runs a configuration until its time is up or a signal arrives, then reports and stops.
 *
 * @param demo The cameras of a demo, whose parts may be broken on purpose.
 * @returns the exit code: 0, or 1 when something failed at runtime.
 */
export async function runNode(file: ConfigFile, options: RunOptions, demo?: DemoCameras): Promise<number> {
  const { node } = file.config;
  const clock = systemClock;
  const ending = new Ending();
  const scope = new Scope();
  try {
    const lock = lockNode(node);
    scope.defer(() => lock.release());
    // Workers of a run that was killed together with its cameras; and, at the end, any worker that is left.
    killWorkerGroups(lock.runDir);
    scope.defer(() => void killWorkerGroups(lock.runDir));
    await removeDeadModelSockets(lock.runDir);
    const stateDir = stateDirOf(node);
    const changes = new Changes(file, options.configFile, stateDir);
    const { initial, plan, budget, room } = await changes.begin(ending.signal, async ({ config }) => {
      const located = await locateModels(config, {
        runDir: lock.runDir,
        pull: (store, id) => pullModel(store, id, ending.signal),
      });
      const wanted = planOf(config, lock.runDir, located);
      const sizes = { budget: budgetOf(wanted), room: roomFor([process.pid]) };
      admit(wanted, sizes.budget, sizes.room);
      return { plan: wanted, ...sizes };
    });
    let dropped = (): number => 0;
    const view = openView(options, pageOf(initial.config), () => dropped());
    scope.defer(() => view.close());
    const output = logTo(view);
    for (const line of sums(budget, room)) output.log.info(line);
    const store = await openStore(stateDir, output.log);
    scope.defer(() => store?.close());
    const { runDir } = lock;
    const start = { initial, keep: changes.keep, plan, runDir, stateDir, file: options.configFile, store, demo };
    const supervisor = newSupervisor(start, output, ending);
    await changes.say(output.log, supervisor.desired);
    scope.defer(() => supervisor.stop());
    dropped = supervisor.subscribe('view', (item) => view.onItem(item));
    await supervisor.start();
    // The reload logs its failures, and the node continues.
    ending.onHangup(() => {
      void supervisor.refreshDoors();
      void supervisor.desired.reload().catch(() => undefined);
    });
    const draw = (): void => view.draw(supervisor.status());
    const drawing = every(clock, DRAW_MS, draw);
    scope.defer(() => drawing.cancel());
    if (view instanceof LiveView)
      scope.defer(readKeys(process.stdin, { view, redraw: draw, end: () => process.kill(process.pid, 'SIGINT') }));
    await untilEnd(options.forMs, ending);
    const report = await supervisor.report();
    view.draw(supervisor.status());
    // A run that was stopped early need not have delivered pictures.
    const timed = options.forMs !== undefined && !ending.signal.aborted;
    const failures = timed ? [...supervisor.neverLive(), ...failuresIn(report), ...brokerProblems(supervisor)] : [];
    await scope.close();
    return conclude(report, options, failures);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    // The run was stopped while it was starting, as requested.
    return 0;
  } finally {
    await scope.close();
    ending.close();
    clock.after(LINGER_MS, () => process.exit(), { unref: true });
  }
}

/** What was changed at runtime, beside the file. A node without a file (the demo) forgets it at its end. */
class Changes {
  readonly #file: ConfigFile;
  readonly #name: string;
  readonly #kept: KeptFile | undefined;
  #initial: Initial | undefined;
  #isNew = false;
  readonly keep: ((kept: Kept) => Promise<void>) | undefined;

  constructor(file: ConfigFile, name: string | undefined, stateDir: string) {
    this.#file = file;
    this.#name = name === undefined ? 'the node' : `file ${name}`;
    const kept = name === undefined ? undefined : new KeptFile(join(stateDir, 'changes.json'));
    this.#kept = kept;
    this.keep = kept && ((document) => kept.write(document));
  }

  /**
   * The document to begin with, and what `plan` made of it. A node looks at its cameras even when what was changed at runtime cannot
   * be used: then it begins with the file alone, and says so.
   *
   * @throws what `plan` throws for the file alone.
   */
  async begin<P extends object>(
    signal: AbortSignal,
    plan: (initial: Initial) => Promise<P>,
  ): Promise<P & { readonly initial: Initial }> {
    const stamp = { by: this.#name, at: new Date(systemClock.wallMs()).toISOString() };
    const found = await this.#read();
    let initial =
      'problem' in found
        ? fileAlone(this.#file, undefined, stamp, found.problem)
        : initialOf(this.#file, found.kept, stamp);
    let planned: P;
    try {
      planned = await plan(initial);
    } catch (error) {
      if (!('kept' in found) || initial.revisions.at(-1)?.entries.length === 0 || signal.aborted) throw error;
      initial = fileAlone(this.#file, found.kept, stamp, messageOf(error));
      planned = await plan(initial);
    }
    if (initial.problem !== undefined) this.#kept?.setAside();
    this.#initial = initial;
    this.#isNew = 'kept' in found && found.kept !== undefined && initial.revisions !== found.kept.revisions;
    return { ...planned, initial };
  }

  async #read(): Promise<{ readonly kept: Kept | undefined } | { readonly problem: string }> {
    try {
      return { kept: await this.#kept?.read() };
    } catch (error) {
      return { problem: messageOf(error) };
    }
  }

  /** Says what counts, and keeps it. What cannot be used now is kept as it was: it may be usable at the next start. */
  async say(log: Log, desired: Supervisor['desired']): Promise<void> {
    const { problem, followed } = this.#initial ?? { problem: undefined, followed: [] };
    const beside = desired.besideFile;
    if (problem !== undefined) log.error(problem);
    else if (this.#isNew) await desired.keep();
    for (const line of followed) log.warn(`${line}, so what was changed at runtime is gone`);
    for (const line of beside) log.info(`changed at runtime: ${line}`);
    if (beside.length > 0) log.info('`vigia config save` writes what was changed at runtime into the file');
  }
}

/** The log, and where its records go. */
interface Output {
  readonly onLog: (record: Parameters<typeof formatRecord>[0]) => void;
  readonly log: Log;
  readonly logs: LogRing;
}

function logTo(view: View): Output {
  const logs = new LogRing();
  const onLog: Output['onLog'] = (record) => {
    logs.add(record);
    if (view instanceof JsonView) process.stderr.write(`${formatRecord(record)}\n`);
    else view.onLog(formatRecord(record));
  };
  return { onLog, log: createLog('supervisor', onLog), logs };
}

function newSupervisor(
  start: Pick<SupervisorOptions, 'initial' | 'keep' | 'plan' | 'runDir' | 'stateDir' | 'file' | 'store' | 'demo'>,
  output: Output,
  ending: Ending,
): Supervisor {
  const pull = async (store: ModelStore, id: string): Promise<void> => {
    output.log.info(`fetching model ${id}`);
    await store.pull(id, { signal: ending.signal });
  };
  const { runDir } = start;
  return new Supervisor({
    ...start,
    ...output,
    version: version(),
    onStopRequest: () => ending.request(),
    clock: systemClock,
    planFor: async (config, own) => planOf(config, runDir, await locateModels(config, { runDir, own, pull })),
  });
}

/** Undefined when it cannot be used: the node then keeps its events in memory, and says so. */
async function openStore(stateDir: string, log: Log): Promise<NodeStore | undefined> {
  const path = join(stateDir, 'node.db');
  try {
    return await NodeStore.open({ path, durability: 'process', clock: systemClock, log: log.child('store') });
  } catch (error) {
    log.error(`${messageOf(error)}; events are kept in memory only`);
    return undefined;
  }
}

async function untilEnd(forMs: number | undefined, ending: Ending): Promise<void> {
  const { signal } = ending;
  if (forMs !== undefined) {
    // A signal ends the sleep early, which is not an error.
    await sleep(systemClock, forMs, signal).catch(() => undefined);
    return;
  }
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Where a browser on this machine finds the page; undefined: nowhere. */
export function pageOf({ http }: Config): string | undefined {
  if (!http) return undefined;
  return `${http.tls ? 'https' : 'http'}://${http.listen.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, 'localhost')}/`;
}

function openView(options: RunOptions, page: string | undefined, dropped: () => number): View {
  if (options.json) return new JsonView(process.stdout, dropped);
  if (process.stdout.isTTY) return new LiveView(process.stdout, paletteFor(process.stdout), systemClock, { page });
  return new PlainView((line) => process.stdout.write(`${line}\n`), systemClock);
}

function conclude(report: Report, options: RunOptions, failures: readonly string[]): number {
  if (options.reportFile !== undefined) writeReport(options.reportFile, report);
  const problems = [...failures, ...conservationErrors(report).map((e) => `frames are not conserved: ${e}`)];
  if (!options.json) for (const line of summaryOf(report)) process.stdout.write(`${line}\n`);
  for (const problem of problems) process.stderr.write(`vigia: ${quoted(problem, 2_000)}\n`);
  return problems.length > 0 ? 1 : 0;
}

/** What makes a run of a stated length a failure, besides cameras that gave nothing. */
function failuresIn({ cameras, mqtt }: Report): string[] {
  const workers = Object.entries(cameras).flatMap(([camera, { consumers }]) =>
    Object.entries(consumers)
      .filter(([, { state }]) => state === 'failed')
      .map(
        ([id, { worker, reason }]) =>
          `${camera}/${id}: the worker ${worker} has failed (${reason ?? 'no reason known'})`,
      ),
  );
  return mqtt && !mqtt.connected ? [...workers, 'the broker is not connected: see the log'] : workers;
}

/** Of a broker that is connected and takes nothing. */
function brokerProblems(supervisor: Supervisor): string[] {
  return supervisor.health().flatMap(({ code, message }) => (code === 'mqtt_refused' ? [message] : []));
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
        ? `age p50 ${c.age_ms.p50.toFixed(1)} p95 ${c.age_ms.p95.toFixed(1)} p99 ${c.age_ms.p99.toFixed(1)} max ${c.age_ms.max.toFixed(1)} ms${c.age_ms.uncertain > 0 ? ` (${c.age_ms.uncertain} at least so old)` : ''}`
        : 'no ok result';
      const results = Object.entries(c.results)
        .filter(([, n]) => n > 0)
        .map(([status, n]) => `${n} ${status}`);
      const dropped = Object.entries(c.dropped)
        .filter(([, n]) => n > 0)
        .map(([cause, n]) => `${n} ${cause}`);
      const seen = Object.entries(c.results_with).map(([kind, n]) => `${kind} in ${n}`);
      lines.push(
        `  ${name} (${c.model ?? c.worker}): ${results.join(', ') || 'no results'}; ${age}; dropped ${dropped.join(', ') || 'none'}; saw ${seen.join(', ') || (c.results.ok > 0 ? 'nothing' : 'never: it had no ok result')}`,
      );
    }
  }
  return lines;
}

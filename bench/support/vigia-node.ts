import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHM_DIR, systemClock } from '@vigia/base';
import {
  type CameraStateMessage,
  type EventMessage,
  type ModelReport,
  type NodeStatus,
  nodeStatusSchema,
  type Report,
  reportSchema,
  type ResultMessage,
  type WorkerStateMessage,
} from '@vigia/contracts';
import type { BenchRun } from './bench-run.ts';
import { VIGIA } from './paths.ts';
import { descendantsOf, isAlive } from './processes.ts';
import { Waiter } from './waiter.ts';

/** A line of `vigia run --json`. */
export type JsonLine =
  | ({ readonly type: 'result' } & ResultMessage)
  | ({ readonly type: 'camera_state' } & CameraStateMessage)
  | ({ readonly type: 'worker_state' } & WorkerStateMessage)
  | ({ readonly type: 'event'; readonly event: EventMessage['type'] } & Omit<EventMessage, 'type'>)
  | {
      readonly type: 'model_state';
      readonly model: string;
      readonly state: ModelReport['state'];
      readonly reason: string | null;
    }
  | { readonly type: 'stats' };

/** A line and when this process read it, monotonic milliseconds. */
export interface TimedLine {
  readonly atMs: number;
  readonly line: JsonLine;
}

/** A result and when this process read it. */
export interface TimedResult {
  readonly atMs: number;
  readonly result: ResultMessage;
}

const MODEL = 'ssdlite-mobilenet-v2';
const LEAVE_MS = 5_000;
/** Enough to report a failure. */
const STDERR_LIMIT = 4_000;

const DEFAULT_MODELS = `  ssdlite: { use: ${MODEL}, threads: 1 }\n`;

/** Settings of a camera besides its source, as YAML. */
type Block = (camera: string) => string;

/** Non-default settings of a node. */
export interface NodeSettings {
  /** The block below `models:`; empty: no model. */
  readonly models?: string;
  /** Further YAML at the top level: `workers:` and others. */
  readonly top?: string;
  /** In addition to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets everything that the node writes to either output. */
  readonly onText?: (text: string) => void;
}

let counter = 0;

/** A real `vigia run` with one model container, in temporary folders. */
export class VigiaNode {
  readonly lines: TimedLine[] = [];
  readonly #more: NodeSettings;
  #process: ChildProcess;
  #startedMs = 0;
  readonly #waiter: Waiter;
  readonly #name: string;
  readonly #dir: string;
  /** The configuration, with other YAML at the top level. */
  readonly #configText: (top: string | undefined, cameras?: Readonly<Record<string, string>>) => string;
  #stderr = '';
  #partOfLine = '';
  #closed = false;

  private constructor(run: BenchRun, cameras: Readonly<Record<string, string>>, block: Block, more: NodeSettings) {
    counter += 1;
    this.#name = `bench${process.pid}-${counter}`;
    this.#dir = mkdtempSync(join(tmpdir(), 'vigia-bench-'));
    this.#waiter = new Waiter(run.signal);
    const config = this.#configFile;
    this.#configText = (top, others = cameras) =>
      configText(this.#name, others, block, top === undefined ? more : { ...more, top });
    writeFileSync(config, this.#configText(undefined));
    this.#more = more;
    this.#process = this.#spawn();
  }

  /**
   * Starts a node; returns at once. It is stopped and removed with the run's scope.
   *
   * @param consumers Of each camera, as YAML; or by its id.
   * @param setting Of each camera: one more line of YAML.
   */
  static start(
    run: BenchRun,
    cameras: Readonly<Record<string, string>>,
    consumers: string | ((camera: string) => string) = '{ people: { model: ssdlite } }',
    setting = '',
    more: NodeSettings = {},
  ): VigiaNode {
    const of = typeof consumers === 'string' ? (): string => consumers : consumers;
    const node = new VigiaNode(run, cameras, (id) => `    ${setting}\n    consumers: ${of(id)}\n`, more);
    run.scope.defer(() => node.close());
    return node;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** When its present process was started, monotonic milliseconds. */
  get startedMs(): number {
    return this.#startedMs;
  }

  /** Its configuration, and folders of what it keeps and runs with. */
  get dir(): string {
    return this.#dir;
  }

  /** Kills it (SIGKILL), and nothing else. Resolves when it has exited. */
  async kill(): Promise<void> {
    if (this.#exited) return;
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGKILL');
    await gone;
  }

  /** Starts it again in the same folders. It must have exited. */
  startAgain(): void {
    if (!this.#exited) throw new Error('vigia runs, it cannot be started again');
    this.#partOfLine = '';
    this.#process = this.#spawn();
  }

  /** Results read so far, from line `from` on. */
  results(from = 0): TimedResult[] {
    return this.lines.slice(from).flatMap(({ atMs, line }) => (line.type === 'result' ? [{ atMs, result: line }] : []));
  }

  /** Waits until `look` finds something in the lines. @throws Error at the time limit, or when the node ends. */
  until<T>(what: string, look: () => T | undefined, limitMs?: number): Promise<T> {
    return this.#waiter.until(
      what,
      () => {
        const found = look();
        if (found === undefined && this.#exited) throw new Error(`${what}: vigia ended before\n${this.#stderr}`);
        return found;
      },
      limitMs,
    );
  }

  /** Waits for the first matching line from `from` on. */
  line(what: string, from: number, fits: (line: JsonLine) => boolean): Promise<TimedLine> {
    let next = from;
    return this.until(what, () => {
      for (; next < this.lines.length; next += 1) {
        const timed = this.lines[next];
        if (timed && fits(timed.line)) return timed;
      }
      return undefined;
    });
  }

  /** Waits until each of the cameras has `count` ok results from line `from` on. */
  okResults(cameras: readonly string[], count: number, from = 0): Promise<true> {
    return this.until(`${count} ok results of each camera`, () => {
      const ok = this.results(from).filter(({ result }) => result.status === 'ok');
      return cameras.every((id) => ok.filter(({ result }) => result.camera === id).length >= count) || undefined;
    });
  }

  /** The only process of the node whose command line contains `part`. */
  child(part: string): number {
    const found = descendantsOf(this.pid).filter(({ command }) => command.includes(part));
    const [only] = found;
    if (!only || found.length > 1) throw new Error(`${found.length} processes of vigia are called ${part}`);
    return only.pid;
  }

  /** Processes of the node whose command line contains all of `parts`. */
  childWith(...parts: readonly string[]): number {
    const found = descendantsOf(this.pid).find(({ command }) => parts.every((part) => command.includes(part)));
    if (!found) throw new Error(`no process of vigia is called ${parts.join(' ')}`);
    return found.pid;
  }

  /** Current counters of the running node. */
  async report(): Promise<Report> {
    return reportSchema.parse(JSON.parse(await askSocket(join(this.#runDir, 'control.sock'), 'GET', '/api/v1/report')));
  }

  /** The running node as `vigia status` shows it. */
  async status(): Promise<NodeStatus> {
    return nodeStatusSchema.parse(
      JSON.parse(await askSocket(join(this.#runDir, 'control.sock'), 'GET', '/api/v1/status')),
    );
  }

  /** Asks its control socket. @returns the body. @throws Error with the body of any status but 200. */
  ask(method: 'GET' | 'POST', path: string): Promise<string> {
    return askSocket(join(this.#runDir, 'control.sock'), method, path);
  }

  /** Replaces the further YAML at the top level and reloads. Resolves when the node has changed. */
  async reloadWith(top: string): Promise<void> {
    writeFileSync(this.#configFile, this.#configText(top));
    await askSocket(join(this.#runDir, 'control.sock'), 'POST', '/api/v1/reload');
  }

  /** Replaces its cameras. Resolves when the node has changed. */
  async reloadCameras(cameras: Readonly<Record<string, string>>): Promise<void> {
    writeFileSync(this.#configFile, this.#configText(undefined, cameras));
    await askSocket(join(this.#runDir, 'control.sock'), 'POST', '/api/v1/reload');
  }

  /** Stops it like an operator and returns its final report. @throws Error when that takes longer. */
  async finish(limitMs = LEAVE_MS): Promise<Report> {
    this.#process.kill('SIGTERM');
    await this.#waiter.until('end of vigia', () => this.#exited || undefined, limitMs);
    if (this.#process.exitCode !== 0) throw new Error(`vigia ended with ${this.#process.exitCode}\n${this.#stderr}`);
    return reportSchema.parse(JSON.parse(readFileSync(this.#reportFile, 'utf8')));
  }

  /** Leftovers: segments, sockets, lock. */
  leftovers(): string[] {
    const segments = readdirSync(SHM_DIR).filter((name) =>
      [`vigia_${this.#name}_`, `vigia-probe.${this.#name}.`, `vigia-node.${this.#name}.`].some((prefix) =>
        name.startsWith(prefix),
      ),
    );
    return [...segments, ...(existsSync(this.#runDir) ? readdirSync(this.#runDir) : [])];
  }

  /** Stops it, by force if necessary, and removes its folder. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const family = descendantsOf(this.pid).map(({ pid }) => pid);
    if (!this.#exited) {
      const gone = new Promise<void>((resolve) => this.#process.once('close', () => resolve()));
      this.#process.kill('SIGTERM');
      const kill = systemClock.after(LEAVE_MS, () => this.#process.kill('SIGKILL'));
      await gone;
      kill.cancel();
    }
    for (const pid of family) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const more = this.#more;
    this.#startedMs = systemClock.nowMs();
    const args = [VIGIA, 'run', '-c', this.#configFile, '--report', this.#reportFile, '--json'];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, VIGIA_RUN_DIR: this.#runDir, VIGIA_STATE_DIR: join(this.#dir, 'state'), ...more.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      more.onText?.(chunk);
      if (child === this.#process) this.#onOutput(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      more.onText?.(chunk);
      this.#stderr = (this.#stderr + chunk).slice(-STDERR_LIMIT);
    });
    child.once('exit', () => this.#waiter.wake());
    child.once('close', () => this.#waiter.wake());
    return child;
  }

  get #exited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Folder of its sockets. */
  get runDir(): string {
    return this.#runDir;
  }

  get #runDir(): string {
    return join(this.#dir, 'run');
  }

  get #configFile(): string {
    return join(this.#dir, 'vigia.yml');
  }

  get #reportFile(): string {
    return join(this.#dir, 'report.json');
  }

  #onOutput(chunk: string): void {
    const atMs = systemClock.nowMs();
    const texts = (this.#partOfLine + chunk).split('\n');
    this.#partOfLine = texts.pop() ?? '';
    for (const text of texts) if (text.startsWith('{')) this.lines.push({ atMs, line: JSON.parse(text) as JsonLine });
    this.#waiter.wake();
  }
}

function configText(node: string, cameras: Readonly<Record<string, string>>, block: Block, more: NodeSettings): string {
  const { models = DEFAULT_MODELS, top = '' } = more;
  const entries = Object.entries(cameras).map(([id, source]) => `  ${id}:\n    source: ${source}\n${block(id)}`);
  return `version: 1\nnode: ${node}\ncameras:\n${entries.join('')}${models === '' ? '' : `models:\n${models}`}${top}`;
}

function askSocket(socketPath: string, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, timeout: 5_000 }, (reply) => {
      let body = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      reply.on('end', () => (reply.statusCode === 200 ? resolve(body) : reject(new Error(`${path}: ${body}`))));
    });
    asked.on('timeout', () => asked.destroy(new Error(`${path}: no answer`)));
    asked.on('error', reject);
    asked.end();
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  conservationErrors,
  type EventMessage,
  type Report,
  type ResultMessage,
  reportSchema,
  type WorkerStateMessage,
  type NodeEvent,
} from '@vigia/contracts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The clip that the project ships: 20 s, 768×576, 10 fps, pedestrians. */
export const CLIP: string = fileURLToPath(new URL('../../assets/pedestrians.mp4', import.meta.url));

/** A line of `vigia … --json`. */
export type JsonLine =
  | ({ readonly type: 'result' } & ResultMessage)
  | {
      readonly type: 'camera_state';
      readonly camera: string;
      readonly state: string;
      readonly reason: string | null;
      readonly message: string | null;
    }
  | ({ readonly type: 'worker_state' } & WorkerStateMessage)
  | ({ readonly type: 'event'; readonly event: EventMessage['type'] } & Omit<EventMessage, 'type'>)
  | { readonly type: 'model_state'; readonly model: string; readonly state: string; readonly reason: string | null }
  | { readonly type: 'stats'; readonly cameras: Report['cameras'] }
  | ({ readonly type: 'node_event' } & NodeEvent);

let counter = 0;

/** A folder and a node name of a test's own; `remove` checks that nothing of the node is left. */
export class Sandbox {
  readonly node = `t${process.pid}-${(counter += 1)}`;
  readonly dir = mkdtempSync(join(tmpdir(), 'vigia-test-'));
  readonly runDir = join(this.dir, 'run');

  /** Writes a file into the folder and returns its path. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** A configuration with one model and the given cameras. */
  config(cameras: Readonly<Record<string, string>>, extra = '', consumer = '{ model: ssdlite }'): string {
    const entries = Object.entries(cameras).map(
      ([id, source]) => `  ${id}:\n    source: ${source}\n    consumers:\n      people: ${consumer}\n`,
    );
    return this.file(
      'vigia.yml',
      `version: 1\nnode: ${this.node}\ncameras:\n${entries.join('')}models:\n  ssdlite: { use: ssdlite-mobilenet-v2 }\n${extra}`,
    );
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, VIGIA_RUN_DIR: this.runDir, VIGIA_STATE_DIR: join(this.dir, 'state') };
  }

  /** What a node left behind: segments, sockets, lock. */
  leftovers(): string[] {
    const segments = readdirSync('/dev/shm').filter((name) =>
      [`vigia_${this.node}_`, `vigia-probe.${this.node}.`, `vigia-node.${this.node}.`].some((prefix) =>
        name.startsWith(prefix),
      ),
    );
    return [...segments, ...namesIn(this.runDir)];
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A running `vigia`, its output, and ways to wait for what it says. */
export class Vigia {
  readonly process: ChildProcess;
  readonly lines: JsonLine[] = [];
  stderr = '';
  stdout = '';
  /** Set when it has exited. */
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.process = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let held = '';
    this.process.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
      const parts = (held + chunk).split('\n');
      held = parts.pop() ?? '';
      for (const part of parts) if (part.startsWith('{')) this.lines.push(JSON.parse(part) as JsonLine);
      this.#wake();
    });
    this.process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
      this.#wake();
    });
    this.process.once('close', (code, signal) => {
      this.exit = { code, signal };
      this.#wake();
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  get results(): ResultMessage[] {
    return this.lines.filter((line) => line.type === 'result');
  }

  /** Waits until `look` gives something. The watchdog only ends a test that hangs. */
  async until<T>(what: string, look: () => T | undefined | false, watchdogMs = 30_000): Promise<T> {
    const deadline = Date.now() + watchdogMs;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      if (this.exit) throw new Error(`vigia exited (${this.exit.code}) before: ${what}\n${this.stderr}`);
      if (Date.now() > deadline)
        throw new Error(`watchdog: ${what} did not happen\n${this.stderr}\n${this.stdout.slice(-2000)}`);
      await this.#change();
    }
  }

  /** Waits for the end. */
  async ended(watchdogMs = 30_000): Promise<number | null> {
    const deadline = Date.now() + watchdogMs;
    while (!this.exit) {
      if (Date.now() > deadline) {
        this.process.kill('SIGKILL');
        throw new Error(`watchdog: vigia did not end\n${this.stderr}\n${this.stdout.slice(-2000)}`);
      }
      await this.#change();
    }
    return this.exit.code;
  }

  /** Processes below this one, found in /proc. */
  children(): { readonly pid: number; readonly command: string }[] {
    return childrenOf(this.pid);
  }

  /** The pid of the child whose command line holds `part`. */
  child(part: string): number {
    const found = this.children().find((c) => c.command.includes(part));
    if (!found) throw new Error(`no child with ${part}`);
    return found.pid;
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }

  /** Something was printed, or 100 ms went by (for what is seen elsewhere than in the output). */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 100);
      this.#waiters.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** A camera that sends one unit when the test asks for it. */
interface SteppedCamera {
  stats(): { readonly playing: number };
  step(): { readonly index: number } | undefined;
}

/**
 * Sends units 0 to `last`, each only after the result of the one before it came out. Any stage on the way that waits for a next
 * unit (demuxer, decoder, queue) stops here for ever, and the watchdog names the unit.
 */
export async function stepThrough(camera: SteppedCamera, vigia: Vigia, last: number): Promise<void> {
  await vigia.until('the model is ready', () =>
    vigia.lines.some((l) => l.type === 'model_state' && l.state === 'ready'),
  );
  await vigia.until('the camera is asked to play', () => camera.stats().playing > 0);
  for (let index = 0; index <= last; index += 1) {
    const sent = camera.step()?.index;
    if (sent !== index) throw new Error(`unit ${sent} was sent in place of ${index}`);
    await vigia.until(`the result of unit ${index}`, () => vigia.results.length > index, 10_000);
  }
}

/** Direct children of a process. */
export function childrenOf(parent: number): { readonly pid: number; readonly command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (ppid === parent)
        found.push({ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') });
    } catch {
      // Ended between two reads.
    }
  }
  return found;
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

/** Reads a report, checks it against its schema and the equations of AD2. */
export function readReport(path: string): Report {
  const report = reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const broken = conservationErrors(report);
  if (broken.length > 0) throw new Error(broken.join('\n'));
  return report;
}

/** What a folder holds; nothing when it is not there, or goes while somebody looks. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

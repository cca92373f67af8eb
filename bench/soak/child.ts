import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readerPagePrefix, shmNames } from './shm.ts';
import type { SoakRun } from './soak-run.ts';

const root = new URL('../../../', import.meta.url);
const PYTHON = '/usr/bin/python3';

/** Path of a file of the repository. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

interface Waiting {
  readonly resolve: (line: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A child that answers in lines, usually of JSON. Ends with the run. */
export class LineChild {
  readonly process: ChildProcess;
  readonly #name: string;
  readonly #lines: unknown[] = [];
  #waiting: Waiting | undefined;
  #gone = false;

  constructor(run: SoakRun, name: string, program: string, args: readonly string[]) {
    run.signal.throwIfAborted();
    this.#name = name;
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#heard(line));
    this.process.stdin?.on('error', () => undefined);
    this.process.on('error', () => this.#end());
    this.process.on('close', () => this.#end());
    run.scope.defer(() => this.kill());
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** The next line. One caller at a time. @throws Error when the child ended before. */
  line<T>(): Promise<T> {
    if (this.#lines.length > 0) return Promise.resolve(this.#lines.shift() as T);
    if (this.#gone) return Promise.reject(this.#ended());
    return new Promise<T>((resolve, reject) => {
      this.#waiting = { resolve: (line) => resolve(line as T), reject };
    });
  }

  /** Sends a command and waits for its answer. */
  ask<T>(command: Readonly<Record<string, unknown>>): Promise<T> {
    this.process.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.line<T>();
  }

  /** Kills it, also when it is stopped; resolves when the kernel has removed it. Idempotent. */
  async kill(): Promise<void> {
    if (this.#gone) return;
    const closed = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await closed;
    // A reader that was killed while it attached leaves its page.
    for (const name of shmNames(readerPagePrefix(this.pid))) rmSync(`/dev/shm/${name}`, { force: true });
  }

  #heard(text: string): void {
    const line: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve(line);
    else this.#lines.push(line);
  }

  #end(): void {
    this.#gone = true;
    this.#waiting?.reject(this.#ended());
    this.#waiting = undefined;
  }

  #ended(): Error {
    return new Error(`${this.#name} ended`);
  }
}

/** A Node child running a file. */
export function nodeChild(run: SoakRun, name: string, file: string, args: readonly string[]): LineChild {
  return new LineChild(run, name, process.execPath, [file, ...args]);
}

/** Kind of wake-up of a reader in another process. */
export type ReaderWake = 'futex' | 'socket';

/** Language of a reader in another process. */
export type Language = 'node' | 'python';

/** A reader to start. */
export interface ReaderSpec {
  readonly language: Language;
  readonly id: string;
  readonly wake: ReaderWake;
}

/** A program per language, called with SOCKET ID WAKE. */
export type ReaderPrograms = Readonly<Record<Language, string>>;

/** Readers controlled by lines: a line of JSON in, a line of JSON out. */
const AGENTS: ReaderPrograms = {
  node: repositoryFile('packages/frame-supplier/test/agents/agent.mjs'),
  python: repositoryFile('sdk/python/tests/agent.py'),
};

/** Starts a reader, and waits until it is seated. */
export async function attachChild(
  run: SoakRun,
  programs: ReaderPrograms,
  socketPath: string,
  { language, id, wake }: ReaderSpec,
): Promise<LineChild> {
  const program = language === 'node' ? process.execPath : PYTHON;
  const child = new LineChild(run, id, program, [programs[language], socketPath, id, wake]);
  const said = await child.line<{ attached?: boolean; error?: { message: string } }>();
  if (!said.attached) throw new Error(`${id} was not seated: ${said.error?.message}`);
  return child;
}

/** Attaches an agent, and waits until it is seated. */
export function attachAgent(run: SoakRun, socketPath: string, spec: ReaderSpec): Promise<LineChild> {
  return attachChild(run, AGENTS, socketPath, spec);
}

/** The agents' answer to `loop`. */
export interface LoopAnswer {
  readonly frames: number;
  readonly expired: number;
  readonly torn: number;
  readonly backwards: number;
  readonly end: string | null;
}

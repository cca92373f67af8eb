import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ThreadSeatHandle } from '@vigia/frame-supplier';
import type { NextAnswer, ReaderUnderTest } from './subject.ts';

/** The Node agent, for threads and processes. */
export const NODE_AGENT: string = fileURLToPath(new URL('../agents/agent.mjs', import.meta.url));
/** The Python agent. */
export const PYTHON_AGENT: string =
  process.env['VIGIA_PYTHON_AGENT'] ?? fileURLToPath(new URL('../../../../sdk/python/tests/agent.py', import.meta.url));

type Answer = Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };

/** A peer that answers commands in order. */
abstract class AgentReader implements ReaderUnderTest {
  readonly id: string;
  #waiting: ((answer: Answer) => void)[] = [];
  #gone = false;

  protected constructor(id: string) {
    this.id = id;
  }

  /** Sends a command and waits for its answer. */
  ask(command: Record<string, unknown>): Promise<Answer> {
    if (this.#gone) return Promise.reject(new Error(`${this.id} is gone`));
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.send(command);
    });
  }

  next(timeoutMs?: number): Promise<NextAnswer> {
    return this.ask({
      op: 'next',
      ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
    }) as Promise<NextAnswer>;
  }

  release(): Promise<Answer> {
    return this.ask({ op: 'release' });
  }

  abstract close(): Promise<void>;

  /** The first message of an agent: whether it has a seat. */
  protected attached(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(({ error }) => {
        if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
        else resolve();
      });
    });
  }

  protected heard(answer: Answer): void {
    this.#waiting.shift()?.(answer);
  }

  protected gone(): void {
    this.#gone = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ error: { code: 'gone', message: `${this.id} is gone` } });
  }

  protected abstract send(command: Record<string, unknown>): void;
}

/** A reader in a worker thread. */
export class ThreadAgent extends AgentReader {
  readonly worker: Worker;

  private constructor(handle: ThreadSeatHandle, blocking: boolean) {
    super(handle.id);
    this.worker = new Worker(NODE_AGENT, { workerData: { handle, blocking }, transferList: [handle.port] });
    this.worker.on('message', (answer: Answer) => this.heard(answer));
    this.worker.on('exit', () => this.gone());
  }

  static async start(handle: ThreadSeatHandle, blocking: boolean): Promise<ThreadAgent> {
    const agent = new ThreadAgent(handle, blocking);
    await agent.attached();
    return agent;
  }

  async close(): Promise<void> {
    await this.ask({ op: 'close' });
    await once(this.worker, 'exit');
  }

  protected send(command: Record<string, unknown>): void {
    this.worker.postMessage(command);
  }
}

/** Options of {@link ProcessAgent.start}. */
export interface ProcessAgentOptions {
  readonly language: 'node' | 'python';
  readonly socketPath: string;
  readonly id: string;
  readonly wake: 'socket' | 'futex';
  readonly fps: number | undefined;
}

/** A reader in another process. */
export class ProcessAgent extends AgentReader {
  readonly child: ChildProcess;

  private constructor({ language, socketPath, id, wake, fps }: ProcessAgentOptions) {
    super(id);
    const program = language === 'node' ? [process.execPath, NODE_AGENT] : ['/usr/bin/python3', PYTHON_AGENT];
    const args = [...program.slice(1), socketPath, id, wake, ...(fps === undefined ? [] : [String(fps)])];
    this.child = spawn(program[0] as string, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.heard(JSON.parse(line) as Answer),
    );
    this.child.stdin?.on('error', () => undefined);
    this.child.on('exit', () => this.gone());
  }

  static async start(options: ProcessAgentOptions): Promise<ProcessAgent> {
    const agent = new ProcessAgent(options);
    await agent.attached();
    return agent;
  }

  async close(): Promise<void> {
    await this.ask({ op: 'close' });
    this.child.stdin?.end();
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  protected send(command: Record<string, unknown>): void {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchRun } from '../support/bench-run.ts';
import { Waiter } from '../support/waiter.ts';

/** What the clients have read so far. */
export interface ClientCounts {
  readonly messages: number;
  /** Connections that the node has ended. */
  readonly closed: number;
  /** Since all were connected. */
  readonly seconds: number;
}

/** Which clients. */
export interface ClientsSetup {
  readonly port: number;
  readonly clients: number;
  /** Of them: they never read. */
  readonly deaf: number;
}

const PROGRAM = fileURLToPath(new URL('clients-program.js', import.meta.url));

/** Clients of a node's streams, in a process of their own. */
export class StreamClients {
  readonly #process: ChildProcess;
  readonly #waiter: Waiter;
  #counts: ClientCounts | undefined;

  private constructor(run: BenchRun, setup: ClientsSetup) {
    this.#waiter = new Waiter(run.signal);
    this.#process = fork(PROGRAM, [JSON.stringify(setup)], { execArgv: [] });
    this.#process.on('message', (counts) => {
      this.#counts = counts as ClientCounts;
      this.#waiter.wake();
    });
  }

  /** Resolves when all are connected. They end with the run's scope. */
  static async start(run: BenchRun, setup: ClientsSetup): Promise<StreamClients> {
    const clients = new StreamClients(run, setup);
    run.scope.defer(() => clients.close());
    await clients.#next();
    return clients;
  }

  /** What they have read. */
  counts(): Promise<ClientCounts> {
    this.#process.send('counts');
    return this.#next();
  }

  /** Resolves when the process has exited. Idempotent. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGKILL');
    await gone;
  }

  async #next(): Promise<ClientCounts> {
    this.#counts = undefined;
    return this.#waiter.until('the clients of the streams', () => this.#counts);
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ContainerReady } from '@vigia/model-container';
import { containerEntry } from '@vigia/model-container';

/** A forked container for tests. The starter calls `kill`. */
export class TestContainer {
  readonly child: ChildProcess;
  /** Its output on stderr. */
  log = '';
  readonly #exit: Promise<number | NodeJS.Signals | null>;

  constructor(args: readonly string[]) {
    this.child = fork(containerEntry, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    // Not the event `close`: it never comes after `disconnect()` by the parent.
    const [exited, logged] = [once(this.child, 'exit'), once(this.child.stderr as Readable, 'end')];
    this.#exit = Promise.all([exited, logged]).then(
      ([[code, signal]]) => (signal ?? code) as number | NodeJS.Signals | null,
    );
  }

  /** The `ready` message; rejects with the log when the process ends first. */
  async ready(): Promise<ContainerReady> {
    const message = once(this.child, 'message').then(([value]) => value as ContainerReady);
    const gone = this.#exit.then((code) => {
      throw new Error(`the container ended with ${code}: ${this.log}`);
    });
    gone.catch(() => undefined);
    return Promise.race([message, gone]);
  }

  /** Exit code or signal of an ended process. */
  exit(): Promise<number | NodeJS.Signals | null> {
    return this.#exit;
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exit;
  }
}

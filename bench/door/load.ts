import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchRun } from '../support/bench-run.ts';
import { endChild } from '../support/processes.ts';
import { Waiter } from '../support/waiter.ts';

/** Who asks: see `load-program.ts`. */
export type LoadKind = 'documents' | 'bad' | 'pages';

/** What a load has received. */
export interface LoadCounts {
  readonly answers: number;
  /** Of streams: texts, and pictures. */
  readonly messages: number;
  readonly pictures: number;
  /** Streams that the node has ended. */
  readonly ended: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
}

const PROGRAM = fileURLToPath(new URL('load-program.js', import.meta.url));
/** Until the node has answered the last requests. */
const LAST_ANSWERS_MS = 120_000;

/**
 * Starts a load on the HTTP port, in a process of its own; resolves when its connections are open. It ends with the run.
 *
 * @returns stops it; resolves when the node has answered everything.
 */
export async function startLoad(run: BenchRun, port: number, kind: LoadKind): Promise<() => Promise<LoadCounts>> {
  const waiter = new Waiter(run.signal);
  const messages: unknown[] = [];
  const child = fork(PROGRAM, [String(port), kind], { execArgv: [] });
  run.scope.defer(() => endChild(child));
  child.on('message', (message) => void messages.push(message)).on('message', () => waiter.wake());
  child.once('exit', () => waiter.wake());
  const next = (what: string): Promise<unknown> => {
    const look = (): unknown => {
      if (messages.length === 0 && child.exitCode !== null) throw new Error(`${what}: the load ended`);
      return messages.shift();
    };
    return waiter.until(what, look, LAST_ANSWERS_MS);
  };
  await next('connections of the load');
  return async () => {
    child.send('stop');
    const counts = await next('last answers to the load');
    await endChild(child);
    return counts as LoadCounts;
  };
}

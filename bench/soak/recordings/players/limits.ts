import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '@vigia/base';
import type { SoakRun } from '../../soak-run.ts';

/** A promise that rejects when it takes longer. */
export function within<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${what} did not answer within ${limitMs / 1000} s`));
    const timer = systemClock.after(limitMs, late);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** What a program printed. */
export interface Printed {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end; it is killed with the run, and when it takes longer. @param input Of its standard input. */
export async function printed(
  { signal }: SoakRun,
  limitMs: number,
  [program, ...args]: readonly [string, ...string[]],
  input: Uint8Array = new Uint8Array(),
): Promise<Printed> {
  const child = spawn(program, args, { signal, timeout: limitMs, killSignal: 'SIGKILL' });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  // One that ends early has said why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@vigia/base';
import type { RunningContainer } from './subject.ts';

/** The repository's root. */
export const ROOT: string = fileURLToPath(new URL('../../../../', import.meta.url));
/** Debian's interpreter, which has numpy. */
export const PYTHON = '/usr/bin/python3';

/** Far above the second that a container may take to exit: then it is killed, and not left behind. */
const STOP_MS = 10_000;

/** A program that implements a container. */
export interface ContainerProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly modelId: string;
  readonly socketPath: string;
}

/** Starts a program with `--socket` and `--model-id`; resolves when it has printed `ready` on either stream. */
export async function startProgram(program: ContainerProgram): Promise<RunningContainer> {
  const { socketPath, modelId } = program;
  const args = [...program.args, '--socket', socketPath, '--model-id', modelId];
  const child = spawn(program.command, args, {
    cwd: ROOT,
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    let late = false;
    const timer = systemClock.after(STOP_MS, () => {
      late = true;
      child.kill('SIGKILL');
    });
    await exited;
    timer.cancel();
    if (late) throw new Error(`the container did not end within ${STOP_MS} ms of SIGTERM`);
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { socketPath, modelId, pid: child.pid, stop };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (/\bready\b/.test(said)) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the container ended with ${code}: ${said}`)));
  });
}

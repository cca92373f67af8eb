import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { every, systemClock } from '@vigia/base';
import { VIGIA } from '../../support/paths.ts';
import { descendantsOf } from '../../support/processes.ts';
import { mib } from '../memory.ts';
import type { SoakRun } from '../soak-run.ts';
import { wrongIn } from './planted.ts';
import { peakOf } from './playing.ts';

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
  /** Most resident memory of it, or of one of its processes, bytes. */
  readonly peakBytes: number;
}

const LOOK_MS = 30;
/** A refusal is one sentence, or one for each problem. */
const MOST_LINES = 60;
const EXCERPT = 200;

/** Runs `vigia` with these words. It is killed at the time limit. */
export async function runVigia(
  run: SoakRun,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  limitMs: number,
): Promise<CommandEnd> {
  const startMs = systemClock.nowMs();
  const child = spawn(process.execPath, [VIGIA, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  run.scope.defer(() => void child.kill('SIGKILL'));
  let [stdout, stderr, peakBytes] = ['', '', 0];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const look = every(systemClock, LOOK_MS, () => {
    const pids = [child.pid ?? 0, ...descendantsOf(child.pid ?? 0).map(({ pid }) => pid)];
    peakBytes = Math.max(peakBytes, ...pids.map(peakOf));
  });
  const limit = systemClock.after(limitMs, () => void child.kill('SIGKILL'));
  await once(child, 'close');
  look.cancel();
  limit.cancel();
  return { code: child.exitCode ?? child.signalCode, stdout, stderr, tookMs: systemClock.nowMs() - startMs, peakBytes };
}

/** How a command may end. */
export interface CommandBounds {
  readonly limitMs: number;
  readonly limitBytes: number;
}

/** What is wrong with the end of a command: a sentence each. */
export function wrongEnd({ code, stdout, stderr, tookMs, peakBytes }: CommandEnd, bounds: CommandBounds): string[] {
  const found = [...wrongIn(stdout), ...wrongIn(stderr)];
  const refused = code === 1 || code === 2;
  const lines = stderr.trimEnd().split('\n');
  if (code !== 0 && !refused) found.push(`it ended with ${code}: ${excerpt(stderr)}`);
  if (refused && !/^vigia: ./.test(lines.at(-1) ?? '')) found.push(`it failed without a sentence: ${excerpt(stderr)}`);
  if (lines.length > MOST_LINES) found.push(`${lines.length} lines on standard error`);
  if (/^\s+at /m.test(stderr)) found.push(`a stack: ${excerpt(stderr)}`);
  if (tookMs > bounds.limitMs) found.push(`it took ${tookMs.toFixed(0)} ms, ${bounds.limitMs} are allowed`);
  if (peakBytes > bounds.limitBytes)
    found.push(`${mib(peakBytes)} MiB of memory, ${mib(bounds.limitBytes)} are allowed`);
  return found;
}

function excerpt(text: string): string {
  return JSON.stringify(text.slice(-EXCERPT));
}

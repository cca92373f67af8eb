import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scope } from '@vigia/base';

/** What every measurement is given. */
export interface BenchRun {
  /** Aborts on Ctrl-C: every wait ends. */
  readonly signal: AbortSignal;
  /** Closed at the end, however it comes: whatever is started or written is deferred here. */
  readonly scope: Scope;
  /** Length of a measured window. */
  readonly seconds: number;
  /** One line for whoever waits. */
  readonly progress: (text: string) => void;
}

/** Says on what and when was measured: without names of machines or people. */
export function headerLines(): string[] {
  const [cpu] = cpus();
  return [
    `${cpu?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${systemName()}`,
    `Node ${process.versions.node}, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, revision ${revision()}`,
    `load average before: ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
  ];
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system';
  } catch {
    return 'unknown system';
  }
}

function revision(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty=, with changes', '--abbrev=10'], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // No git, or not a checkout.
    return 'unknown';
  }
}

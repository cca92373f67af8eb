import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SHM_DIR } from '@vigia/base';
import { runProgram, stdoutOf } from './program.ts';
import { WARM_UP_SECONDS } from './publishing.ts';
import { sampleOf } from './sample-line.ts';
import type { Row, Sample, Setup, Variant } from './variant.ts';

const PROGRAM = fileURLToPath(new URL('./shared-program.js', import.meta.url));
/** In addition to the measured window: start of two programs, and the warm-up. */
const RUN_LIMIT_MS = 60_000;
const FPS = 240;

/** Location of the reader. */
export type ReaderKind = 'thread' | 'process' | 'python';

/** Parameters of a measurement. */
export interface SharedOptions {
  readonly name: string;
  readonly reader: ReaderKind;
  /** Kind of wake-up of a reader in another process. Default `futex`; threads always wait in `Atomics.wait`. */
  readonly wake?: 'futex' | 'socket';
  /** Whether a 1080p picture is copied into shared memory after publishing. Default: nothing is written. */
  readonly copied?: boolean;
  readonly rows: readonly Row[];
}

/** Our supplier and one reader in another thread or process. */
export function sharedVariant(options: SharedOptions): Variant {
  const { name, rows, reader } = options;
  return {
    name,
    title: titleOf(options),
    rows,
    ...(reader === 'python' && { prepare: findPython }),
    run: (setup) => measure(setup, options),
  };
}

function titleOf({ reader, wake = 'futex', copied = false }: SharedOptions): string {
  const where = {
    thread: 'thread (Atomics.wait)',
    process: `process (${wake})`,
    python: `Python process (${wake})`,
  }[reader];
  return `${where}, 1 consumer, ${FPS} Hz${copied ? ', 1080p copied in' : ''}`;
}

async function findPython({ run, versions }: Setup): Promise<string | undefined> {
  const end = await runProgram('python3', ['--version'], { signal: run.signal, limitMs: RUN_LIMIT_MS });
  if (!end) return 'not installed: python3';
  versions.add(stdoutOf('python3', end).trim());
  return undefined;
}

async function measure({ run, tempDir }: Setup, options: SharedOptions): Promise<Sample> {
  const { reader, wake = 'futex', copied = false } = options;
  const path = join(SHM_DIR, `vigia_bench${process.pid}_frames_bench_1080p`);
  const args = [PROGRAM, reader, wake, String(FPS), String(run.seconds), copied ? '1080p' : 'nothing', path];
  const limitMs = (run.seconds + WARM_UP_SECONDS) * 1000 + RUN_LIMIT_MS;
  const title = titleOf(options);
  try {
    const command = [...args, join(tempDir, 'frames.sock')];
    return sampleOf(
      title,
      stdoutOf(title, await runProgram(process.execPath, command, { signal: run.signal, limitMs })),
    );
  } finally {
    // Leftovers of an interrupted supplier.
    for (const file of [path, `${path}.seats`]) rmSync(file, { force: true });
  }
}

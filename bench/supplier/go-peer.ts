import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { once } from './once.ts';
import { runProgram, stdoutOf } from './program.ts';
import { sampleOf } from './sample-line.ts';
import type { Row, Sample, Setup, Variant } from './variant.ts';

const BUILD_LIMIT_MS = 300_000;
/** In addition to the measured window. */
const RUN_LIMIT_MS = 20_000;

/** The Go original under the conditions of some of our variants. */
export function goVariant(name: string, consumers: number, fps: number, rows: readonly Row[]): Variant {
  return {
    name,
    title: `Go original, ${consumers} consumer${consumers === 1 ? '' : 's'}, ${fps} Hz`,
    rows,
    prepare: build,
    run: (setup) => measure(setup, consumers, fps),
  };
}

const build = once(async (setup: Setup): Promise<string | undefined> => {
  const source = join(setup.peersDir, 'go-framesupplier');
  if (!existsSync(join(source, 'main.go'))) return `not there: ${source}`;
  const { signal } = setup.run;
  const version = await runProgram('go', ['env', 'GOVERSION'], { signal, limitMs: BUILD_LIMIT_MS });
  if (!version) return 'not installed: golang-go';
  setup.versions.add(`Go ${version.stdout.trim().replace(/^go/, '')}`);
  const dir = join(setup.tempDir, 'go');
  cpSync(source, dir, { recursive: true });
  // No revision of an enclosing repository, nothing from the network.
  const args = ['build', '-buildvcs=false', '-o', 'fs', '.'];
  const env = { GOPROXY: 'off', GOFLAGS: '' };
  stdoutOf('go build', await runProgram('go', args, { signal, limitMs: BUILD_LIMIT_MS, cwd: dir, env }));
  return undefined;
});

async function measure({ run, tempDir }: Setup, consumers: number, fps: number): Promise<Sample> {
  const args = [consumers, fps, run.seconds].map(String);
  const limitMs = run.seconds * 1000 + RUN_LIMIT_MS;
  const end = await runProgram(join(tempDir, 'go', 'fs'), args, { signal: run.signal, limitMs });
  return sampleOf('the Go original', stdoutOf('the Go original', end));
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CameraFork } from '../../support/camera-fork.ts';
import type { SoakRun } from '../soak-run.ts';
import { type CommandEnd, runVigia } from './command-run.ts';
import { asOther } from './second-user.ts';

const WORKER = fileURLToPath(new URL('../../../../examples/workers/bright.pl', import.meta.url));
/** The segment of the worker below, if nobody has that name. */
const SEGMENT = 'vigia_squatted_frames_calm_64x48-letterbox-gray8';
/** How the other user takes the name, as Python. */
const WAYS: Readonly<Record<string, string>> = {
  'a file in /dev/shm with the name of a segment': `open("/dev/shm/${SEGMENT}", "wb").write(b"x" * 4096)`,
  'a link there': `os.symlink("/etc/passwd", "/dev/shm/${SEGMENT}")`,
  'a folder there': `os.mkdir("/dev/shm/${SEGMENT}")`,
};
const LIMIT_MS = 30_000;

/** Runs a node whose segment's name another user has taken, for each way. @returns how each run ended. */
export async function runSquatted(run: SoakRun): Promise<readonly (readonly [way: string, end: CommandEnd])[]> {
  const { signal, scope, progress } = run;
  const folder = mkdtempSync(join(tmpdir(), 'vigia-hostile-'));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  scope.defer(() => rmSync(`/dev/shm/${SEGMENT}`, { recursive: true, force: true }));
  const camera = await CameraFork.start({ signal, scope, progress, seconds: 0 }, { fps: 10 });
  const config = join(folder, 'vigia.yml');
  writeFileSync(
    config,
    `version: 1
node: squatted
cameras:
  calm: { source: "${camera.url}", consumers: { watch: { worker: light, fps: 5 } } }
workers:
  light: { command: [perl, ${WORKER}], input: { format: GRAY8, width: 64, height: 48 } }
`,
  );
  const env = { VIGIA_RUN_DIR: join(folder, 'run'), VIGIA_STATE_DIR: join(folder, 'state') };
  const ends: (readonly [string, CommandEnd])[] = [];
  for (const [way, deed] of Object.entries(WAYS)) {
    const other = await asOther(run, folder, deed, 0);
    ends.push([way, await runVigia(run, ['run', '-c', config, '--for', '3s'], env, LIMIT_MS)]);
    other.kill('SIGKILL');
    rmSync(`/dev/shm/${SEGMENT}`, { recursive: true, force: true });
  }
  await camera.close();
  return ends;
}

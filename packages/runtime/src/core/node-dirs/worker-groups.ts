import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processStartTicks } from '@vigia/base';

/**
 * The process groups of workers, written down so that whoever survives can end them: one empty file per group,
 * `workers/<camera>.<pid of its leader>.<start ticks>`. A worker's group outlives its leader when that one left children.
 */
function folderOf(runDir: string): string {
  return join(runDir, 'workers');
}

/** Writes a group down. @param pid Of its leader, which runs. @returns what forgets it again. */
export function registerWorkerGroup(runDir: string, camera: string, pid: number): () => void {
  const path = join(folderOf(runDir), `${camera}.${pid}.${processStartTicks(pid) ?? 0}`);
  mkdirSync(folderOf(runDir), { recursive: true, mode: 0o700 });
  writeFileSync(path, '', { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/**
 * Kills the groups that are written down and forgets them: of one camera, or of all. A number that is somebody else's by
 * now (another start time) is left alone.
 *
 * @returns how many groups were still there.
 */
export function killWorkerGroups(runDir: string, camera?: string): number {
  let killed = 0;
  for (const name of namesIn(folderOf(runDir))) {
    const [of, pid = 0, ticks] = name.split('.').map((part, i) => (i === 0 ? part : Number(part)));
    if (camera !== undefined && of !== camera) continue;
    const now = processStartTicks(Number(pid));
    // Without a leader the number is nobody else's as long as the group is there.
    if ((now === undefined || now === ticks) && killGroup(Number(pid), 'SIGKILL')) killed += 1;
    rmSync(join(folderOf(runDir), name), { force: true });
  }
  try {
    rmdirSync(folderOf(runDir));
  } catch {
    // Not there, or other cameras have workers.
  }
  return killed;
}

/** Sends a signal to a process group. False when there is none. */
export function killGroup(leader: number, signal: NodeJS.Signals): boolean {
  // 0 and 1 would be our own group, and everybody.
  if (leader <= 1) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[^.]+\.\d+\.\d+$/.test(name));
  } catch {
    return [];
  }
}

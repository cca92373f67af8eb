import { readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processStartTicks, makeFoldersSync } from '@vigia/base';

/**
 * The process groups of workers, recorded so that any surviving process can end them: one empty file per group,
 * `workers/<camera>.<pid of its leader>.<start ticks>`. A group outlives its leader when the leader left children.
 */
function folderOf(runDir: string): string {
  return join(runDir, 'workers');
}

/** Records a group. @param pid Its running leader. @returns a function that removes the record. */
export function registerWorkerGroup(runDir: string, camera: string, pid: number): () => void {
  const path = join(folderOf(runDir), `${camera}.${pid}.${processStartTicks(pid) ?? 0}`);
  makeFoldersSync(folderOf(runDir), 0o700);
  writeFileSync(path, '', { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/**
 * Kills the recorded groups of one camera, or of all, and removes their records. A pid with another start time has been
 * reused and is left alone.
 *
 * @returns the number of groups that still existed.
 */
export function killWorkerGroups(runDir: string, camera?: string): number {
  let killed = 0;
  for (const name of namesIn(folderOf(runDir))) {
    const [of, pid = 0, ticks] = name.split('.').map((part, i) => (i === 0 ? part : Number(part)));
    if (camera !== undefined && of !== camera) continue;
    const now = processStartTicks(Number(pid));
    // While the group exists, its number is not reused, even without a leader.
    if ((now === undefined || now === ticks) && killGroup(Number(pid), 'SIGKILL')) killed += 1;
    rmSync(join(folderOf(runDir), name), { force: true });
  }
  try {
    rmdirSync(folderOf(runDir));
  } catch {
    // The folder does not exist, or other cameras have workers.
  }
  return killed;
}

/** Sends a signal to a process group. Returns false when the group does not exist. */
export function killGroup(leader: number, signal: NodeJS.Signals): boolean {
  // 0 is this process's own group, 1 stands for all processes.
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

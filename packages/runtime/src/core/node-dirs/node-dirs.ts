import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { codeOf, processStartTicks, SHM_DIR, UsageError, VigiaError } from '@vigia/base';
import { removeSegmentsOfWriter, sweepSegments } from '@vigia/frame-supplier';

/** Longest path of a Unix socket, in bytes, without the terminating zero (unix(7)). */
const SOCKET_PATH_LIMIT = 107;

/** Where a node keeps its sockets: `$VIGIA_RUN_DIR`, or a directory below `$XDG_RUNTIME_DIR`, or one below /tmp. */
export function runDirOf(node: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env['VIGIA_RUN_DIR']) return env['VIGIA_RUN_DIR'];
  return join(runBaseDir(env), node);
}

/**
 * Where a node keeps what must survive a restart: `$VIGIA_STATE_DIR`, or a folder below `$XDG_STATE_HOME`, or one below
 * ~/.local/state.
 */
export function stateDirOf(node: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env['VIGIA_STATE_DIR']) return env['VIGIA_STATE_DIR'];
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'vigia', node);
}

/** The folder that holds the run directories of this user's nodes. */
export function runBaseDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_RUNTIME_DIR'];
  return base ? join(base, 'vigia') : `/tmp/vigia-${process.getuid?.() ?? 0}`;
}

/**
 * The socket of a model's container.
 *
 * @param generation 1 by default; the number of a container that takes over from a running one. Both run for a moment,
 *   so each needs its own name.
 */
export function modelSocketPath(runDir: string, model: string, generation = 1): string {
  return join(runDir, `vigia_model_${model}${generation === 1 ? '' : `.${generation}`}.sock`);
}

/** The socket on which a running node serves the command line. */
export function controlSocketPath(runDir: string): string {
  return join(runDir, 'control.sock');
}

/** @throws UsageError for a path that is too long for the kernel. */
export function checkSocketPath(path: string): void {
  const size = Buffer.byteLength(path);
  if (size <= SOCKET_PATH_LIMIT) return;
  throw new UsageError(
    `the socket path ${path} has ${size} bytes, at most ${SOCKET_PATH_LIMIT} are allowed: set VIGIA_RUN_DIR to a shorter folder`,
  );
}

/** The exclusive right to run a node. */
export interface NodeLock {
  readonly runDir: string;
  /** Allows other processes to run this node, and removes the directory if it is empty. Idempotent. */
  release(): void;
}

/**
 * Makes this process the only one that runs `node`, and removes the segments and the control socket of a predecessor
 * that died ({@link removeDeadModelSockets} removes the models' sockets).
 *
 * @throws VigiaError `already_running` with the other process's pid, `run_dir` when the directory cannot be created.
 */
export function lockNode(node: string, env: NodeJS.ProcessEnv = process.env): NodeLock {
  const runDir = runDirOf(node, env);
  checkSocketPath(controlSocketPath(runDir));
  const lockPath = join(runDir, 'supervisor.pid');
  try {
    mkdirSync(runDir, { recursive: true, mode: 0o700 });
    takeLock(node, lockPath);
  } catch (error) {
    if (error instanceof VigiaError) throw error;
    throw new VigiaError('run_dir', `${runDir}: the run directory cannot be used (${codeOf(error)})`, {
      path: runDir,
      cause: error,
    });
  }
  rmSync(controlSocketPath(runDir), { force: true });
  sweepSegments(segmentPrefix(node));
  removeProbes(node);
  return { runDir, release: () => releaseLock(runDir, lockPath) };
}

/**
 * Removes the containers' sockets on which no process listens. Others stay: a container may have been started by hand
 * before the node.
 */
export async function removeDeadModelSockets(runDir: string): Promise<void> {
  await Promise.all(modelSocketsIn(runDir).map(removeDeadSocket));
}

/** Removes a socket on which no process listens. */
export async function removeDeadSocket(path: string): Promise<void> {
  if (await isDead(path)) rmSync(path, { force: true });
}

/** The sockets of all containers in a run directory. */
export function modelSocketsIn(runDir: string): string[] {
  try {
    return readdirSync(runDir)
      .filter((name) => /^vigia_model_.*\.sock$/.test(name))
      .map((name) => join(runDir, name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
  });
}

/**
 * Removes the files of a supervisor that died without closing. A child calls it when its parent is gone. Does nothing
 * when another supervisor has taken over.
 *
 * @param supervisorPid The parent that died.
 */
export function cleanAfterSupervisor(node: string, runDir: string, supervisorPid: number): void {
  const lockPath = join(runDir, 'supervisor.pid');
  try {
    if (Number(readFileSync(lockPath, 'utf8').split(' ')[0]) !== supervisorPid) return;
    rmSync(controlSocketPath(runDir), { force: true });
    removeProbes(node);
    releaseLock(runDir, lockPath);
  } catch (error) {
    // Another child was faster.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function takeLock(node: string, lockPath: string): void {
  for (;;) {
    try {
      const fd = openSync(lockPath, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
      writeSync(fd, `${process.pid} ${processStartTicks(process.pid) ?? 0}\n`);
      closeSync(fd);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const [pid = 0, startTicks = 0] = readFileSync(lockPath, 'utf8').trim().split(' ').map(Number);
    // Compares pid and start time, because pids are reused.
    if (pid > 0 && processStartTicks(pid) === startTicks) {
      throw new VigiaError(
        'already_running',
        `node ${node} runs already as process ${pid}; stop it, or give this one another name with \`node:\` (and another VIGIA_RUN_DIR, if that is set)`,
        { path: lockPath },
      );
    }
    rmSync(lockPath, { force: true });
  }
}

function releaseLock(runDir: string, lockPath: string): void {
  rmSync(lockPath, { force: true });
  try {
    if (readdirSync(runDir).length === 0) rmdirSync(runDir);
  } catch {
    // The directory is in use, belongs to another user, or is already gone. An empty directory does no harm.
  }
}

/**
 * Removes the segments of a dead process of this node, because their memory is needed and the successor uses the same
 * names. Also removes those of other dead processes: after a kill, some may have exited only after this run began.
 */
export function removeSegmentsOf(node: string, pid: number): void {
  removeSegmentsOfWriter(segmentPrefix(node), pid);
  sweepSegments(segmentPrefix(node));
}

/**
 * The name prefix of a container's probe pictures, which exist only for moments. Ids contain no dots, so the names of
 * different nodes cannot collide.
 */
export function probePrefix(node: string, model: string): string {
  return join(SHM_DIR, `${probesOf(node)}${model}.`);
}

function probesOf(node: string): string {
  return `vigia-probe.${node}.`;
}

function removeProbes(node: string): void {
  for (const name of readdirSync(SHM_DIR)) {
    if (!name.startsWith(probesOf(node))) continue;
    try {
      rmSync(join(SHM_DIR, name), { force: true });
    } catch {
      // Not a file, or owned by another user. It is left in place.
    }
  }
}

/** Bytes of shared memory that the segments of a node hold now. */
export function segmentBytesOf(node: string): number {
  let bytes = 0;
  for (const name of readdirSync(SHM_DIR)) {
    if (!name.startsWith(segmentPrefix(node))) continue;
    // Undefined: removed in the meantime.
    bytes += statSync(join(SHM_DIR, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function segmentPrefix(node: string): string {
  return `vigia_${node}_frames_`;
}

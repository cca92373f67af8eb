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
import { join } from 'node:path';
import { codeOf, processStartTicks, SHM_DIR, UsageError, VigiaError } from '@vigia/base';
import { removeSegmentsOfWriter, sweepSegments } from '@vigia/frame-supplier';

/** Longest path of a Unix socket, in bytes, without the terminating zero (unix(7)). */
const SOCKET_PATH_LIMIT = 107;

/** Where a node keeps its sockets: `$VIGIA_RUN_DIR` as it is, else below `$XDG_RUNTIME_DIR`, else below /tmp. */
export function runDirOf(node: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env['VIGIA_RUN_DIR']) return env['VIGIA_RUN_DIR'];
  return join(runBaseDir(env), node);
}

/** The folder that holds the run directories of this user's nodes. */
export function runBaseDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_RUNTIME_DIR'];
  return base ? join(base, 'vigia') : `/tmp/vigia-${process.getuid?.() ?? 0}`;
}

/**
 * The socket of a model's container.
 *
 * @param generation 1, the default, or the number of a container that takes over from a running one with other settings:
 *   both are there for a moment, so it has another name.
 */
export function modelSocketPath(runDir: string, model: string, generation = 1): string {
  return join(runDir, `vigia_model_${model}${generation === 1 ? '' : `.${generation}`}.sock`);
}

/** The socket on which a running node answers the command line. */
export function controlSocketPath(runDir: string): string {
  return join(runDir, 'control.sock');
}

/** @throws UsageError for a socket path that the kernel would cut off. */
export function checkSocketPath(path: string): void {
  const size = Buffer.byteLength(path);
  if (size <= SOCKET_PATH_LIMIT) return;
  throw new UsageError(
    `the socket path ${path} has ${size} bytes, at most ${SOCKET_PATH_LIMIT} are allowed: set VIGIA_RUN_DIR to a shorter folder`,
  );
}

/** Ownership of a node's run directory. */
export interface NodeLock {
  readonly runDir: string;
  /** Lets others start this node, and removes the directory when it is empty. Idempotent. */
  release(): void;
}

/**
 * Makes this process the one that runs `node`, and cleans up after a predecessor that died: its segments and its control
 * socket (the models' are {@link removeDeadModelSockets}'s).
 *
 * @throws VigiaError `already_running` naming the process that holds it, `run_dir` when the folder cannot be made.
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
 * Removes the sockets of containers on which nobody listens any more. Those on which somebody does stay: a container may
 * have been started by hand, before the node.
 */
export async function removeDeadModelSockets(runDir: string): Promise<void> {
  await Promise.all(modelSocketsIn(runDir).map(removeDeadSocket));
}

/** Removes a socket on which nobody listens. */
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
 * To be called by a child whose supervisor died without closing: removes what that one can no longer remove itself. Does
 * nothing when a successor has taken over.
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
    // Another child was quicker.
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
    // By pid and start time: a pid alone is soon somebody else's.
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
    // Somebody else uses it, made it (and owns its parent), or was quicker: an empty folder harms nobody.
  }
}

/**
 * Removes the segments of a process of this node that died: its memory is needed, and its successor uses the names. And
 * those of others that did: of a run that was killed so recently that its processes were not gone when this one began.
 */
export function removeSegmentsOf(node: string, pid: number): void {
  removeSegmentsOfWriter(segmentPrefix(node), pid);
  sweepSegments(segmentPrefix(node));
}

/**
 * How the names of the pictures begin that a model's container is proved with; each is there for moments. Dots, which no
 * id has: names of one node are never those of another.
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
      // Not a file, or not ours: whoever made it may keep it.
    }
  }
}

/** Bytes of shared memory that the segments of a node hold now. */
export function segmentBytesOf(node: string): number {
  let bytes = 0;
  for (const name of readdirSync(SHM_DIR)) {
    if (!name.startsWith(segmentPrefix(node))) continue;
    // Undefined: gone between two looks.
    bytes += statSync(join(SHM_DIR, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function segmentPrefix(node: string): string {
  return `vigia_${node}_frames_`;
}

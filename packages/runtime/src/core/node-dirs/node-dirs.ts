import { readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve as absolute } from 'node:path';
import {
  codeOf,
  type FileLock,
  lockFile,
  processStartTicks,
  SHM_DIR,
  UsageError,
  VigiaError,
  makeFoldersSync,
} from '@vigia/base';
import { removeSegmentsOfWriter, sweepSegments } from '@vigia/frame-supplier';
import { checkTrusted } from './trusted-dir.ts';

/** Longest path of a Unix socket, in bytes, without the terminating zero (unix(7)). */
const SOCKET_PATH_LIMIT = 107;
const LOCK_TRIES = 20;
const LOCK_RETRY_MS = 10;

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

/** Where a node keeps what it records: `$VIGIA_DATA_DIR`, or `.vigia` in the working folder. */
export function dataDirOf(env: NodeJS.ProcessEnv = process.env): string {
  return absolute(env['VIGIA_DATA_DIR'] || '.vigia');
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
 * @throws VigiaError `already_running` with the other process's pid, also when a node of this name runs in another run directory;
 *   `state_in_use` when another node keeps its state in the same folder, `run_dir` when the directory cannot be created.
 */
export function lockNode(node: string, env: NodeJS.ProcessEnv = process.env): NodeLock {
  const runDir = runDirOf(node, env);
  checkSocketPath(controlSocketPath(runDir));
  const lock = useRunDir(runDir, () => {
    makeFoldersSync(runDir, 0o700);
    checkTrusted(runDir);
    return takeLock(node, lockPathOf(runDir));
  });
  let name: FileLock | undefined;
  let state: FileLock | undefined;
  try {
    name = lockName(node);
    state = lockState(node, stateDirOf(node, env));
  } catch (error) {
    name?.release();
    lock.release();
    removeIfEmpty(runDir);
    throw error;
  }
  rmSync(controlSocketPath(runDir), { force: true });
  sweepSegments(segmentPrefix(node));
  removeProbes(node);
  const release = (): void => {
    state?.release();
    name?.release();
    lock.release();
    removeIfEmpty(runDir);
  };
  return { runDir, release };
}

/**
 * Two nodes of one name would use the same names in shared memory, and the same topics. Undefined where that cannot be known: the
 * file of another user may be years old.
 */
function lockName(node: string): FileLock | undefined {
  const path = nameLockPath(node);
  let lock: FileLock | undefined;
  try {
    lock = lockFile(path, { text: `${process.pid} 0 ${node}\n` });
  } catch {
    return undefined;
  }
  if (lock) return lock;
  throw new VigiaError(
    'already_running',
    `a node ${node} runs already as process ${holderOf(path)?.pid ?? '?'}, with another run directory: stop it, or give this one another name with \`node:\``,
    { path },
  );
}

/** Ids contain no dots: see {@link probePrefix}. */
function nameLockPath(node: string): string {
  return join(SHM_DIR, `vigia-node.${node}.lock`);
}

/**
 * Two nodes in one folder would publish each other's events, and share users. Undefined where nothing can be kept: the node says so
 * when it opens its store.
 */
function lockState(node: string, stateDir: string): FileLock | undefined {
  const path = join(stateDir, 'node.lock');
  let lock: FileLock | undefined;
  try {
    makeFoldersSync(stateDir, 0o700);
    lock = lockFile(path, { text: `${process.pid} 0 ${node}\n` });
  } catch {
    return undefined;
  }
  if (lock) return lock;
  const holder = holderOf(path);
  throw new VigiaError(
    'state_in_use',
    `${stateDir} belongs to node ${holder?.node ?? '?'}, which runs as process ${holder?.pid ?? '?'}: give node ${node} a folder of its own with VIGIA_STATE_DIR`,
    { path },
  );
}

function useRunDir<T>(runDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof VigiaError) throw error;
    throw new VigiaError('run_dir', `${runDir}: the run directory cannot be used (${codeOf(error)})`, {
      path: runDir,
      cause: error,
    });
  }
}

function lockPathOf(runDir: string): string {
  return join(runDir, 'supervisor.pid');
}

/**
 * The control socket of a node that a command may believe. Root may ask the nodes of others, where VIGIA_RUN_DIR names
 * them.
 *
 * @throws VigiaError `run_dir` when another user could have put it there.
 */
export function believedControlSocket(runDir: string, env: NodeJS.ProcessEnv = process.env): string {
  const own = process.getuid?.() ?? 0;
  const foreign = own === 0 && env['VIGIA_RUN_DIR'] ? statSync(runDir, { throwIfNoEntry: false })?.uid : undefined;
  checkTrusted(runDir, foreign ?? own);
  return controlSocketPath(runDir);
}

/** The name of the node that uses a run directory, or used it last; undefined: none. */
export function nodeIn(runDir: string): string | undefined {
  return holderOf(lockPathOf(runDir))?.node;
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
  const lockPath = lockPathOf(runDir);
  try {
    if (holderOf(lockPath)?.pid !== supervisorPid) return;
    const lock = lockOfTheDead(lockPath);
    if (!lock) return;
    rmSync(controlSocketPath(runDir), { force: true });
    removeProbes(node);
    removeNameLock(node);
    lock.release();
    removeIfEmpty(runDir);
  } catch (error) {
    // Another child was faster.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function removeNameLock(node: string): void {
  try {
    lockFile(nameLockPath(node), { create: false })?.release();
  } catch {
    // It is gone, or another user's.
  }
}

function takeLock(node: string, lockPath: string): FileLock {
  const lock = lockFile(lockPath, { text: `${process.pid} ${processStartTicks(process.pid) ?? 0} ${node}\n` });
  if (lock) return lock;
  const holder = holderOf(lockPath);
  throw new VigiaError(
    'already_running',
    `node ${holder?.node ?? node} runs already as process ${holder?.pid ?? '?'}; stop it, or give this one another name with \`node:\` (and another VIGIA_RUN_DIR, if that is set)`,
    { path: lockPath },
  );
}

/** The lock of a process that is ending: the kernel closes its channel first, and its lock a moment later. */
function lockOfTheDead(lockPath: string): FileLock | undefined {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 1; ; tries += 1) {
    const lock = lockFile(lockPath, { create: false });
    if (lock || tries === LOCK_TRIES) return lock;
    Atomics.wait(never, 0, 0, LOCK_RETRY_MS);
  }
}

interface Holder {
  readonly pid: number;
  readonly node: string | undefined;
}

/** Who holds a lock, or held it last; undefined: nobody, or it is just being written. */
function holderOf(lockPath: string): Holder | undefined {
  try {
    const [pid, , node] = readFileSync(lockPath, 'utf8').trim().split(' ');
    return Number(pid) > 0 ? { pid: Number(pid), node } : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function removeIfEmpty(runDir: string): void {
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

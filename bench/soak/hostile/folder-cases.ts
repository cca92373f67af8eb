import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processStartTicks, type Scope } from '@vigia/base';
import type { Random } from '../container-fuzz/random.ts';
import { believedControlSocket, killWorkerGroups, lockNode, nodeIn } from '../../support/runtime-internals.ts';
import type { CaseJudge, Part } from './part.ts';

const LIMIT_MS = 2_000;
/** A user of this machine without an account. */
export const OTHER_USER = 54_321;
const isRoot = process.getuid?.() === 0;

/** A folder on the path to a run directory: as the attacker left it. */
interface Step {
  readonly mode: number;
  readonly owner: number;
  /** Through a link, which belongs to somebody too. */
  readonly linkOwner: number | undefined;
}

const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;

/** What is right: whether somebody else could change what is in the last folder, or put another one in its place. */
function isSafe(steps: readonly Step[], me: number): boolean {
  return steps.every(({ mode, owner, linkOwner }, i) => {
    const last = i === steps.length - 1;
    const mine = owner === me || (owner === 0 && !last);
    const linkMine = linkOwner === undefined || linkOwner === me || (linkOwner === 0 && !last);
    const open = (mode & OTHERS_WRITE) !== 0;
    return mine && linkMine && !(open && (last || (mode & STICKY) === 0));
  });
}

/** Run directories that another user may have prepared, through the functions that trust them. */
export class FolderPart implements Part {
  readonly lanes = 1;
  readonly limitMs: number = LIMIT_MS;
  readonly #folder: string;
  readonly #bystander: ChildProcess;

  constructor(scope: Scope, folder: string) {
    this.#folder = folder;
    // In a process group of its own: an unrelated program that a planted file names.
    this.#bystander = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    scope.defer(() => void this.#bystander.kill('SIGKILL'));
  }

  play(random: Random, judge: CaseJudge): string {
    const top = join(this.#folder, String(judge.number));
    const steps = Array.from({ length: random.int(1, 4) }, () => stepOf(random));
    try {
      const runDir = this.#make(top, steps, random);
      const safe = isSafe(steps, process.getuid?.() ?? 0);
      const believed = this.#ask(runDir, judge);
      const locked = this.#lock(runDir, judge);
      if ((believed || locked) && !safe)
        judge.faults.push(`a folder of another user was trusted: ${JSON.stringify(steps)}`);
      if (!locked && safe) judge.faults.push(`a folder of our own was refused: ${JSON.stringify(steps)}`);
      if (this.#bystander.exitCode !== null || this.#bystander.signalCode !== null)
        judge.faults.push('an unrelated process was killed');
      return locked ? 'trusted' : 'refused';
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  }

  #ask(runDir: string, judge: CaseJudge): boolean {
    try {
      believedControlSocket(runDir, {});
      nodeIn(runDir);
      return true;
    } catch (error) {
      judge.refusal(error);
      return false;
    }
  }

  #lock(runDir: string, judge: CaseJudge): boolean {
    try {
      const lock = lockNode('hostile', { VIGIA_RUN_DIR: runDir });
      killWorkerGroups(runDir);
      lock.release();
      return true;
    } catch (error) {
      judge.refusal(error);
      return false;
    }
  }

  /** @returns the run directory. */
  #make(top: string, steps: readonly Step[], random: Random): string {
    let path = top;
    for (const [i, { mode, owner, linkOwner }] of steps.entries()) {
      path = i === 0 ? top : join(path, 'run');
      const real = linkOwner === undefined ? path : `${path}.real`;
      mkdirSync(real);
      if (linkOwner !== undefined) {
        symlinkSync(real, path);
        if (isRoot) lchownSync(path, linkOwner, linkOwner);
      }
      chmodSync(real, mode);
      if (isRoot) chownSync(real, owner, owner);
    }
    this.#plant(path, steps, random);
    return path;
  }

  /** Files that name the bystander: exactly in folders of others, wrongly in our own. */
  #plant(runDir: string, steps: readonly Step[], random: Random): void {
    const pid = this.#bystander.pid ?? 0;
    const ticks = processStartTicks(pid) ?? 0;
    const named = isSafe(steps, process.getuid?.() ?? 0)
      ? random.of([`${ticks + 1}`, '0', '9'.repeat(30)])
      : `${ticks}`;
    const workers = join(runDir, 'workers');
    mkdirSync(workers);
    for (const name of [
      `hall.${pid}.${named}`,
      `hall.1.${ticks}`,
      'hall.0.0',
      `${random.text(8).replaceAll(/[/\0]/g, '')}.x.y`,
    ])
      writeFileSync(join(workers, name), '');
    writeFileSync(
      join(runDir, 'supervisor.pid'),
      random.of([`${pid} ${ticks} hostile\n`, '', '-1 0 x', '\u001b[2J', '1 1 '.repeat(5_000)]),
    );
    if (random.once(2)) writeFileSync(join(runDir, 'control.sock'), 'no socket');
  }
}

function stepOf(random: Random): Step {
  const own = process.getuid?.() ?? 0;
  return {
    mode: random.of([0o700, 0o755, 0o700, 0o755, 0o1777, 0o777, 0o770, 0o702, 0o1755]),
    owner: isRoot && random.once(5) ? OTHER_USER : own,
    linkOwner: random.once(5) ? (isRoot && random.once(2) ? OTHER_USER : own) : undefined,
  };
}

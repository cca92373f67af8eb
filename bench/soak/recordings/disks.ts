import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { repositoryFile } from '../child.ts';
import type { SoakRun } from '../soak-run.ts';

/** What a row's recordings are on. */
export const DISKS = ['folder', 'tmpfs', 'ext4', 'fuse'] as const;
/** One of {@link DISKS}. */
export type DiskKind = (typeof DISKS)[number];

const FAULTY_DISK = repositoryFile('bench/soak/recordings/faulty_disk.py');
const PYTHON = '/usr/bin/python3';
/** Size of a `tmpfs`, bytes. */
export const TMPFS_BYTES: number = 320 * 2 ** 20;
const EXT4_BYTES = 320 * 2 ** 20;

/** Why a disk cannot be had here; undefined: it can. */
export function absentReason(kind: DiskKind): string | undefined {
  if (kind === 'folder') return undefined;
  if (process.getuid?.() !== 0 || !mayMount()) return 'mounting needs root';
  if (kind === 'ext4' && !existsSync('/dev/loop-control')) return 'there are no loop devices';
  if (kind === 'fuse' && !existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  if (kind === 'fuse' && !runs(PYTHON, '-c', 'import fusepy')) return 'python3-fusepy is not installed';
  return undefined;
}

/** A directory for recordings that can be taken away. */
export class Disk {
  readonly kind: DiskKind;
  readonly path: string;
  readonly #dir: string;
  #loop: string | undefined;

  private constructor(kind: DiskKind, dir: string) {
    this.kind = kind;
    this.#dir = dir;
    this.path = join(dir, 'footage');
  }

  /** Makes and mounts it; it is unmounted with the run. */
  static async make(run: SoakRun, kind: DiskKind, dir: string): Promise<Disk> {
    const disk = new Disk(kind, dir);
    mkdirSync(disk.path);
    run.scope.defer(() => disk.#leave());
    await disk.mount();
    return disk;
  }

  /** Seconds that each operation takes, on `fuse`. */
  slow(seconds: number): void {
    writeFileSync(this.#control, String(seconds));
  }

  async mount(): Promise<void> {
    if (this.kind === 'tmpfs')
      must('mount', '-t', 'tmpfs', '-o', `size=${TMPFS_BYTES},mode=755`, 'vigia-soak', this.path);
    if (this.kind === 'ext4') must('mount', this.#loopDevice(), this.path);
    if (this.kind === 'fuse') await this.#mountFuse();
  }

  /** Lazily: open files live on. */
  unmount(): void {
    must('umount', '-l', this.path);
  }

  /** As the kernel does after an error of the disk: nothing can be written, also through open files. */
  abort(): void {
    must('mount', '-o', 'remount,abort', this.path);
  }

  get #control(): string {
    return join(this.#dir, 'delay');
  }

  #loopDevice(): string {
    const image = join(this.#dir, 'disk.img');
    if (this.#loop !== undefined) return this.#loop;
    writeFileSync(image, '');
    truncateSync(image, EXT4_BYTES);
    must('mkfs.ext4', '-q', '-m', '0', image);
    this.#loop = must('losetup', '-f', '--show', image).trim();
    return this.#loop;
  }

  async #mountFuse(): Promise<void> {
    const under = join(this.#dir, 'under');
    mkdirSync(under, { recursive: true });
    this.slow(0);
    spawn(PYTHON, [FAULTY_DISK, under, this.path, this.#control], { stdio: 'ignore' });
    for (let looks = 0; looks < 50 && !isMounted(this.path); looks += 1) await sleep(systemClock, 100);
    if (!isMounted(this.path)) throw new Error('a file system of FUSE did not come');
  }

  #leave(): void {
    if (this.kind === 'folder') return;
    if (this.kind === 'fuse') this.slow(0);
    while (isMounted(this.path)) if (!runs('umount', '-l', this.path)) break;
    if (this.#loop !== undefined) runs('losetup', '-d', this.#loop);
  }
}

/** Runs a program. @returns its output. @throws Error with what it says. */
export function must(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function runs(program: string, ...args: readonly string[]): boolean {
  try {
    must(program, ...args);
    return true;
  } catch {
    return false;
  }
}

/** Root of a container often may not. CAP_SYS_ADMIN is bit 21. */
function mayMount(): boolean {
  const bits = /^CapEff:\s+([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${bits}`) >> 21n) & 1n) === 1n;
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/mounts', 'utf8').includes(` ${path} `);
}

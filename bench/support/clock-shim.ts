import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryFile } from '../soak/child.ts';

const SOURCE = repositoryFile('bench/support/clock-shim.c');

/** Compiles the library that shifts the wall clock of a program that is started with it as `LD_PRELOAD`. @returns its path. */
export function clockShim(dir: string): string {
  const path = join(dir, 'shim.so');
  shiftClock(dir, 0);
  const file = `-DSHIFT_FILE="${join(dir, 'shift')}"`;
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', path, file, SOURCE, '-ldl']);
  return path;
}

/** Sets the wall clock forward by so many seconds, of programs with the library of this folder. */
export function shiftClock(dir: string, seconds: number): void {
  writeFileSync(join(dir, 'shift'), String(seconds));
}

/** Why the library cannot be made here; undefined: it can. */
export function noClockShim(): string | undefined {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no C compiler for the library that shifts its clock';
  }
}

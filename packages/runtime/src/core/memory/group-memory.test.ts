import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { anonymousBytesByShare, anonymousBytesOf, processesOfGroups } from './group-memory.ts';
import { oomScoreAdjOf, raiseOomScore } from './oom-score.ts';

const MIB = 2 ** 20;
/** Allocates 64 MiB and shares them with its child; both wait for their standard input. */
const PARENT_AND_CHILD = `
import os, sys
held = bytearray(os.urandom(4096)) * (64 * 256)
os.fork()
print("there", flush=True)
sys.stdin.read()
`;

let started: ChildProcess | undefined;

async function start(program: string): Promise<number> {
  started = spawn('/usr/bin/python3', ['-c', program], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  started.stdout?.setEncoding('utf8');
  while (said.split('there').length < 3) {
    const [chunk] = (await once(started.stdout ?? started, 'data')) as [string];
    said += chunk;
  }
  return started.pid ?? 0;
}

afterEach(async () => {
  if (!started?.pid) return;
  const gone = once(started, 'exit');
  process.kill(-started.pid, 'SIGKILL');
  await gone;
  started = undefined;
});

describe('memory of a process group', () => {
  it('counts the leader’s descendants, and shared pages once', async () => {
    const leader = await start(PARENT_AND_CHILD);
    const groups = processesOfGroups(new Set([leader, 0]));
    const pids = groups?.get(leader) ?? [];
    expect(pids).toHaveLength(2);
    expect(pids).toContain(leader);
    // The cheap count includes shared pages twice.
    expect(anonymousBytesOf(pids)).toBeGreaterThan(128 * MIB);
    expect(anonymousBytesByShare(pids)).toBeGreaterThan(64 * MIB);
    expect(anonymousBytesByShare(pids)).toBeLessThan(90 * MIB);
    const [one = 0] = pids;
    expect(anonymousBytesByShare([one])).toBe(anonymousBytesOf([one]));
  });

  it('returns nothing for a group that is gone', () => {
    expect(processesOfGroups(new Set([2 ** 22 + 1]))?.size).toBe(0);
    expect(anonymousBytesOf([2 ** 22 + 1])).toBe(0);
    expect(anonymousBytesByShare([2 ** 22 + 1, 2 ** 22 + 2])).toBe(0);
  });
});

describe('which process the kernel kills first', () => {
  it('is the least important worker, not vigia', async () => {
    const leader = await start(PARENT_AND_CHILD);
    raiseOomScore(leader, 'best-effort');
    const score = Number(readFileSync(`/proc/${leader}/oom_score_adj`, 'utf8'));
    expect(score).toBe(oomScoreAdjOf('best-effort'));
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
    const classes = ['critical', 'high', 'normal', 'best-effort'] as const;
    const wanted = [own + 100, own + 200, own + 300, own + 400].map((value) => Math.min(1_000, value));
    expect(classes.map(oomScoreAdjOf)).toEqual(wanted);
  });

  it('ignores a process that is gone', () => {
    expect(() => raiseOomScore(2 ** 22 + 1, 'normal')).not.toThrow();
  });
});

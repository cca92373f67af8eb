import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of all threads of a process since they started, milliseconds. From the scheduler, in nanoseconds: the ticks of
 * `/proc/<pid>/stat` are 10 ms long, which is what a reference to shared memory costs in a hundred frames.
 *
 * @throws Error when the process is gone.
 */
export function taskCpuMs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
}

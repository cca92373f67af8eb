import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of all threads of a process since they started, milliseconds. From the scheduler, in nanoseconds: the ticks
 * of `/proc/<pid>/stat` are 10 ms long, as much as a hundred references to shared memory cost.
 *
 * @throws Error when the process has exited.
 */
export function taskCpuMs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
}

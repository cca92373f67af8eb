import { existsSync } from 'node:fs';
import { processStartTicks, processStatFields, sleep, systemClock, VigiaError } from '@vigia/base';
import { API } from '@vigia/contracts/api';
import { askJson } from './node-answers.ts';
import type { Values } from './options.ts';
import { socketOf } from './which-node.ts';

const ANSWER_MS = 2_000;
const LOOK_MS = 50;
/** The report 1 s, stopping with workers 7.5 s, handles that are still open 3 s, and a reserve. */
const END_MS = 15_000;

/** `vigia stop`. */
export async function stopCommand(values: Values): Promise<number> {
  const socket = await socketOf(values, 'stop');
  const startMs = systemClock.nowMs();
  const { node, pid } = await askJson(API.stop.answer, socket, '/api/v1/stop', ANSWER_MS, { method: 'POST' });
  const ticks = processStartTicks(pid);
  while (isThere(pid, ticks) || existsSync(socket)) {
    if (systemClock.nowMs() - startMs > END_MS)
      throw new VigiaError(
        'still_there',
        `node ${node} (process ${pid}) is still there ${END_MS / 1000} s after it was asked to end: \`kill -9 ${pid}\` ends it at once`,
      );
    await sleep(systemClock, LOOK_MS);
  }
  const seconds = ((systemClock.nowMs() - startMs) / 1000).toFixed(1);
  process.stdout.write(`node ${node} (process ${pid}) has ended after ${seconds} s\n`);
  return 0;
}

/** A pid is reused, and a process that nobody has waited for still has one. */
function isThere(pid: number, ticks: number | undefined): boolean {
  try {
    const fields = processStatFields(pid);
    return fields[0] !== 'Z' && Number(fields[19]) === ticks;
  } catch {
    return false;
  }
}

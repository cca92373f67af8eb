import { formatRecord, sleep, systemClock } from '@vigia/base';
import type { LogEntry } from '@vigia/contracts';
import { counted } from '#core/terminal';
import { LogFollower } from './log-follower.ts';
import { isGone } from './node-answers.ts';
import { text, type Values } from './options.ts';
import { socketOf } from './which-node.ts';

/** How often `--follow` asks. */
const FOLLOW_MS = 500;

/** `vigia logs`. */
export async function logsCommand(values: Values): Promise<number> {
  const socket = await socketOf(values, 'logs');
  const follower = new LogFollower(socket, { level: text(values, 'level'), limit: text(values, 'limit') });
  const print = (record: LogEntry): void => {
    process.stdout.write(`${values['json'] ? JSON.stringify(record) : lineOf(record)}\n`);
  };
  await printNext(follower, print);
  while (values['follow']) {
    await sleep(systemClock, FOLLOW_MS);
    try {
      await printNext(follower, print);
    } catch (error) {
      if (!isGone(error)) throw error;
      process.stderr.write('vigia: the node has ended\n');
      return 0;
    }
  }
  return 0;
}

async function printNext(follower: LogFollower, print: (record: LogEntry) => void): Promise<void> {
  const { records, lost } = await follower.next();
  if (lost > 0) process.stderr.write(`vigia: ${counted(lost, 'log record')} lost: the node has discarded them\n`);
  for (const record of records) print(record);
}

/** A record as the node itself prints it. */
export function lineOf({ time, level, source, message }: LogEntry): string {
  return formatRecord({ time, level, from: source, message });
}

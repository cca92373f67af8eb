/**
 * A reader with a log, for tests that check when a frame arrived: `SOCKET ID futex|socket`. Reads to the end, then
 * prints a ReaderLog. reader_child.py does the same in Python.
 *
 * Every 64th byte of a frame must match its stream time stamp: the grey that the publisher filled it with.
 */
import { systemClock } from '@vigia/base';
import { attachBlockingReader, attachReader, type Lease, type SharedFrame } from '@vigia/frame-supplier';
import type { ReaderLog } from './reader-log.ts';
import { isAllOf } from './shm.ts';

const frames: (readonly [number, number])[] = [];
let expired = 0;
let torn = 0;

function take(lease: Lease<SharedFrame>): void {
  const takenMs = systemClock.nowMs();
  const { frame } = lease;
  const right = isAllOf(frame.pixels, frame.ptsUs);
  if (!frame.whole()) expired += 1;
  else if (!right) torn += 1;
  frames.push([takenMs, frame.seq]);
  lease.release();
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function readBlocking(socketPath: string, id: string): Promise<string | undefined> {
  const reader = await attachBlockingReader(socketPath, id);
  say({ attached: true });
  for (let lease = reader.nextSync(); lease; lease = reader.nextSync()) take(lease);
  return reader.end;
}

async function readAwaiting(socketPath: string, id: string): Promise<string | undefined> {
  const reader = await attachReader(socketPath, id);
  say({ attached: true });
  for (let lease = await reader.next(); lease; lease = await reader.next()) take(lease);
  return reader.end;
}

const [socketPath = '', id = '', wake] = process.argv.slice(2);
const end = await (wake === 'futex' ? readBlocking : readAwaiting)(socketPath, id);
say({ frames, expired, torn, end } satisfies ReaderLog);

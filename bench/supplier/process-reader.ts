// `node process-reader.js SOCKET futex|socket`: reads frames of another process until the end, then prints them
// (received.ts).
import { attachBlockingReader, attachReader } from '@vigia/frame-supplier';
import { nowNs } from './clock.ts';
import type { Received } from './received.ts';

const received: Received = { seqs: [], ns: [] };

async function readBlocking(socketPath: string): Promise<void> {
  const reader = await attachBlockingReader(socketPath, 'bench');
  for (let lease = reader.nextSync(); lease; lease = reader.nextSync()) {
    received.ns.push(nowNs());
    received.seqs.push(lease.frame.seq);
    lease.release();
  }
}

async function readAwaiting(socketPath: string): Promise<void> {
  const reader = await attachReader(socketPath, 'bench');
  for (let lease = await reader.next(); lease; lease = await reader.next()) {
    received.ns.push(nowNs());
    received.seqs.push(lease.frame.seq);
    lease.release();
  }
}

const [socketPath = '', wake] = process.argv.slice(2);
await (wake === 'futex' ? readBlocking : readAwaiting)(socketPath);
process.stdout.write(JSON.stringify(received));

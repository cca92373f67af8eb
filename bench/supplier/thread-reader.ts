// A worker thread that blocks until the next frame is available, and finally reports the frames it received.
import { parentPort, workerData } from 'node:worker_threads';
import { openThreadReader, type ThreadSeatHandle } from '@vigia/frame-supplier';
import { nowNs } from './clock.ts';
import type { Received } from './received.ts';

const received: Received = { seqs: [], ns: [] };
const reader = openThreadReader(workerData as ThreadSeatHandle);
for (let lease = reader.nextSync(); lease; lease = reader.nextSync()) {
  received.ns.push(nowNs());
  received.seqs.push(lease.frame.seq);
  lease.release();
}
parentPort?.postMessage(received);

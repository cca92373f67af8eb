import { parentPort, workerData } from 'node:worker_threads';
import { check } from './check.ts';

// Entry of the thread that checks the store while it is used. It sends one CheckResult and ends, or ends with an error. Light:
// it starts with every node.
parentPort?.postMessage(check(workerData as string));

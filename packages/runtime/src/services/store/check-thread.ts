import { parentPort, workerData } from 'node:worker_threads';
import { check } from './check.ts';
import type { CheckSetup } from './words.ts';

// Entry of the thread that checks the store while it is used. It sends one CheckResult and ends, ends with an error, or ends
// without a word when it was stopped. Light: it starts with every node.
const { path, stop } = workerData as CheckSetup;
const result = check(path, () => Atomics.load(stop, 0) !== 0);
if (result) parentPort?.postMessage(result);

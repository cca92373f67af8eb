// Loaded into a container under attack (`--import`), in its main thread and in the inference thread. On SIGUSR2 the
// main thread prints one line of JSON: live memory of both after full collections. Resident memory proves little about
// leaks: the allocator keeps pages of large messages.
import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { type LiveHeap, liveHeap } from './live-heap.ts';

// Node has these, its types do not.
const channel = new BroadcastChannel('live-heap') as BroadcastChannel & EventTarget & { unref(): void };
channel.unref();

let mine: LiveHeap | undefined;

channel.addEventListener('message', (event: unknown) => {
  const { data } = event as { readonly data: LiveHeap | 'tell' };
  if (!isMainThread && data === 'tell') void liveHeap().then((heap) => channel.postMessage(heap));
  if (!isMainThread || data === 'tell' || !mine) return;
  const bytes = [mine, data].reduce((sum, { heapUsed, external }) => sum + heapUsed + external, 0);
  process.stdout.write(`${JSON.stringify({ live: bytes })}\n`);
});

if (isMainThread)
  process.on('SIGUSR2', () => {
    void liveHeap().then((heap) => {
      mine = heap;
      channel.postMessage('tell');
    });
  });

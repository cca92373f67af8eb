import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Channel, messageOf, systemClock } from '@vigia/base';
import { EventLog } from './event-log.ts';
import { STORE_WORDS, type StoreWords, THREAD_WORDS, type ThreadSetup, type ThreadWords } from './words.ts';

// Entry of the store's thread: SQLite waits for the disk here, and not in the supervisor's loop.
const { path, durability, nowMs } = workerData as ThreadSetup;
const port = parentPort;
if (!port) throw new Error('this is the entry of a thread');

let log: EventLog | undefined;
const opened = (): EventLog => {
  if (log) return log;
  throw new Error('the store is not open');
};
const channel = new Channel<ThreadWords, StoreWords>({
  peer: 'the node',
  port: {
    send: (message, done) => {
      port.postMessage(message);
      done(null);
    },
  },
  clock: systemClock,
  speaks: THREAD_WORDS,
  hears: STORE_WORDS,
  handlers: {
    requests: {
      append: (events) => {
        opened().append(events);
        return null;
      },
      read: (query) => opened().read(query),
      begin: (name) => {
        opened().begin(name);
        return null;
      },
      unread: ({ name, limit }) => opened().unread(name, limit),
      advance: ({ name, id }) => {
        opened().advance(name, id);
        return null;
      },
      prune: ({ ageMs, count, nowMs: now }) => opened().prune({ ageMs, count }, now),
      close: () => {
        log?.close();
        log = undefined;
        return null;
      },
    },
    notices: {},
  },
  onProblem: () => undefined,
});
port.on('message', (message: unknown) => channel.receive(message));

try {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const { log: it, setAside } = EventLog.open(path, { durability, nowMs });
  log = it;
  channel.notify('opened', { lastId: it.lastId() ?? null, setAside: setAside ?? null });
} catch (error) {
  channel.notify('failed', { message: messageOf(error) });
}

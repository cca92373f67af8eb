import { parentPort, Worker, workerData } from 'node:worker_threads';
import { Channel, messageOf, systemClock } from '@vigia/base';
import type { CheckResult } from './check.ts';
import type { EventLog } from './event-log.ts';
import { isOfDisk, StoreFile } from './store-file.ts';
import {
  type CheckSetup,
  STORE_WORDS,
  type StoreWords,
  THREAD_WORDS,
  type ThreadSetup,
  type ThreadWords,
} from './words.ts';

// Entry of the store's thread: SQLite waits for the disk here, and not in the supervisor's loop.
const { path, durability } = workerData as ThreadSetup;
const port = parentPort;
if (!port) throw new Error('this is the entry of a thread');

const CHECK_THREAD = new URL('./check-thread.js', import.meta.url);
/** A step of the check is done by then, unless the store is large: SQLite's own check is one step. Milliseconds. */
const CHECK_STOP_MS = 1_500;
const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let checker: Worker | undefined;
let current: EventLog | undefined;
let closed = false;

const file = new StoreFile({
  path,
  durability,
  nowMs: () => systemClock.wallMs(),
  onDamage: (damage) => channel.notify('damaged', damage),
  onOpen: (log) => {
    current = log;
    log.onUnsound = (seqs) => setImmediate(repair, seqs);
    channel.notify('opened', { lastId: log.lastId() ?? null });
    startCheck();
  },
});

/** Events are stored and read meanwhile. */
function startCheck(): void {
  if (checker) return;
  const log = current;
  const setup: CheckSetup = { path, stop };
  const thread = new Worker(CHECK_THREAD, { workerData: setup, name: 'store-check' });
  checker = thread;
  thread.unref();
  const onResult = (result: CheckResult | undefined): void => {
    checker = undefined;
    if (closed) return;
    // What was found in a file that has been replaced meanwhile does not count for the new one.
    const again = log !== current || (result && orTry(() => file.checked(result)));
    if (again) startCheck();
    else channel.notify('checked', null);
  };
  thread.once('message', onResult);
  thread.once('error', (error) =>
    onResult(isOfDisk(error) ? undefined : { problems: [messageOf(error)], unsound: [], spans: [] }),
  );
}

/**
 * Ends the check. It is asked first: a thread that is terminated while it is inside the SQLite library takes the whole process
 * with it (its N-API binding panics when it cannot make a value).
 */
async function stopCheck(): Promise<void> {
  const thread = checker;
  if (!thread) return;
  Atomics.store(stop, 0, 1);
  await new Promise<void>((resolve) => {
    const late = systemClock.after(CHECK_STOP_MS, resolve);
    thread.once('exit', () => {
      late.cancel();
      resolve();
    });
  });
  await thread.terminate();
}

function repair(unsound: readonly number[]): void {
  if (!closed) orTry(() => file.repair(unsound));
}

/** What the disk does not let happen now happens with a later start. */
function orTry<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    channel.notify('damaged', { message: `the store ${path} cannot be repaired: ${messageOf(error)}`, discarded: 0 });
    return undefined;
  }
}

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
        file.append(events);
        return null;
      },
      read: (query) => file.use((log) => log.read(query)),
      count: (query) => file.use((log) => log.countOf(query)),
      begin: (name) => {
        file.begin(name);
        return null;
      },
      unread: ({ name, limit }) => file.use((log) => log.unread(name, limit)),
      advance: ({ name, id }) => {
        file.advance(name, id);
        return null;
      },
      forgetOthers: ({ prefix, names }) => {
        file.forgetOthers(prefix, names);
        return null;
      },
      prune: ({ ageMs, count, nowMs: now }) => file.use((log) => log.prune({ ageMs, count }, now)),
      close: async () => {
        closed = true;
        await stopCheck();
        file.close();
        return null;
      },
    },
    notices: {},
  },
  onProblem: () => undefined,
});
port.on('message', (message: unknown) => channel.receive(message));

try {
  file.open();
} catch (error) {
  channel.notify('failed', { message: messageOf(error), forNow: isOfDisk(error) });
}

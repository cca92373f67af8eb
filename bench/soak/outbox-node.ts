// The part of a node that makes, stores and delivers events: its own store, stream and connection to a broker. Argument:
// an OutboxNodeSetup as JSON. Prints `P <id> <camera>` for each published event. On `finish` it makes no more, and prints
// `A <id> <camera>` for each stored event, then `E`. Prints `L <message>` for its log, and `R` when the disk takes events again.
import { createLog, every, systemClock } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { BrokerLink, NodeEvents, NodeStore } from '../support/runtime-internals.ts';
import type { OutboxNodeSetup } from './outbox/setup.ts';

/** Events are made in bursts, because they happen in bursts. */
const BURST_MS = 5;
const PAGE = 1_000;

const { path, url, node, cameras, perSecond, early } = JSON.parse(process.argv[2] ?? '') as OutboxNodeSetup;
const clock = systemClock;
// Not to stderr: that may be a file, which may not grow either while the disk is full.
const log = createLog('outbox', ({ message }) => void process.stdout.write(`L ${message}\n`), 'error');
const print = (mark: string, { id, camera }: NodeEvent): void => void process.stdout.write(`${mark} ${id} ${camera}\n`);

const store = await NodeStore.open({ path, durability: 'process', clock, log });
const events = new NodeEvents({
  node,
  clock,
  log,
  // The control publishes what is not stored yet.
  store: early ? undefined : store,
  sendAhead: (event) => broker.sendAhead(event),
});
const broker = new BrokerLink({
  node,
  clock,
  log,
  hub: events.hub,
  store,
  operations: () => {
    throw new Error('this broker sends no commands');
  },
});
const count = { made: 0, published: 0 };
let finishing = false;

function make(): void {
  if (finishing) return;
  for (let n = 0; n < (perSecond * BURST_MS) / 1000; n += 1) {
    count.made += 1;
    const camera = `c${count.made % cameras}`;
    events.announcer.consumerEvent({
      type: 'slowed',
      camera,
      consumer: 'people',
      at: new Date().toISOString(),
      sla: 'normal',
      alarm: false,
      reason: null,
      message: `event ${count.made}`,
    });
  }
}

async function finish(): Promise<void> {
  finishing = true;
  while (count.published < count.made) await new Promise((resolve) => setImmediate(resolve));
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: NodeEvent[] = await store.read({ ...(after === '' ? {} : { after }), limit: PAGE });
    for (const event of page) print('A', event);
    after = page.at(-1)?.id;
  }
  process.stdout.write('E\n');
}

events.hub.subscribe({ name: 'soak' }, (item) => {
  if (item.type !== 'event') return;
  print('P', item.event);
  if (early) void store.append(item.event);
  if (item.event.kind === 'storage' && item.event.data.state === 'ok') process.stdout.write('R\n');
  if (item.event.kind !== 'shedding') return;
  count.published += 1;
});
process.stdin.on('data', () => void finish());
process.stdin.on('end', () => process.exit(0));
await broker.use({ url, commands: false });
every(clock, BURST_MS, make);

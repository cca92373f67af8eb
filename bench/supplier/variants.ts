import { goVariant } from './go-peer.ts';
import { appsinkVariant, shmVariant } from './gst-peer.ts';
import { loopVariant } from './loop.ts';
import { sharedVariant } from './shared.ts';
import type { Variant } from './variant.ts';

/** Every variant, in the order of a round: ours are next to the peers that they are compared with. */
export const VARIANTS: readonly Variant[] = [
  goVariant('go-1', 1, 240, [{ metric: 'publish' }, { metric: 'latency' }]),
  loopVariant({
    name: 'loop-callback',
    mode: 'callback',
    consumers: 1,
    fps: 240,
    rows: [
      { metric: 'publish', against: [{ peer: 'go-1', metric: 'publish', most: 1 }] },
      {
        metric: 'latency',
        against: [
          { peer: 'go-1', metric: 'latency', most: 0.3 },
          { peer: 'gst-appsink', metric: 'latency', most: 0.1 },
          { peer: 'gst-appsink-queue', metric: 'latency', most: 0.1 },
        ],
      },
    ],
  }),
  loopVariant({
    name: 'loop-promise',
    mode: 'promise',
    consumers: 1,
    fps: 240,
    rows: [{ metric: 'latency', against: [{ peer: 'go-1', metric: 'latency', most: 1 }] }],
  }),
  // Without an aim: the difference to the one above is Node's own work between the callback's end and queued work.
  loopVariant({
    name: 'loop-callback-timer',
    mode: 'callback',
    consumers: 1,
    fps: 240,
    turn: 'callback',
    rows: [{ metric: 'latency' }],
  }),
  sharedVariant({
    name: 'thread',
    reader: 'thread',
    rows: [{ metric: 'latency', against: [{ peer: 'go-1', metric: 'latency', most: 2 }] }],
  }),
  sharedVariant({
    name: 'process-futex',
    reader: 'process',
    rows: [
      {
        metric: 'latency',
        against: [
          { peer: 'go-1', metric: 'latency', most: 2 },
          { peer: 'gst-shm', metric: 'latency', most: 0.25 },
        ],
      },
    ],
  }),
  sharedVariant({
    name: 'process-socket',
    reader: 'process',
    wake: 'socket',
    rows: [{ metric: 'latency', against: [{ peer: 'go-1', metric: 'latency', most: 4 }] }],
  }),
  sharedVariant({
    name: 'python-futex',
    reader: 'python',
    rows: [{ metric: 'latency', against: [{ peer: 'go-1', metric: 'latency' }] }],
  }),
  sharedVariant({
    name: 'python-socket',
    reader: 'python',
    wake: 'socket',
    rows: [{ metric: 'latency', against: [{ peer: 'go-1', metric: 'latency' }] }],
  }),
  // The same work as GStreamer's: shmsink copies each picture into shared memory.
  sharedVariant({
    name: 'process-futex-copy',
    reader: 'process',
    copied: true,
    rows: [{ metric: 'latency', against: [{ peer: 'gst-shm', metric: 'latency' }] }],
  }),
  appsinkVariant('gst-appsink', 'noqueue', [{ metric: 'latency' }]),
  appsinkVariant('gst-appsink-queue', 'queue', [{ metric: 'latency' }]),
  shmVariant('gst-shm', [{ metric: 'latency' }]),
  goVariant('go-64', 64, 30, [{ metric: 'publish' }, { metric: 'last' }]),
  loopVariant({
    name: 'loop-callback-64',
    mode: 'callback',
    consumers: 64,
    fps: 30,
    rows: [
      { metric: 'publish', against: [{ peer: 'go-64', metric: 'publish', most: 1 }] },
      { metric: 'last', against: [{ peer: 'go-64', metric: 'last', most: 0.5 }] },
    ],
  }),
  loopVariant({
    name: 'loop-promise-64',
    mode: 'promise',
    consumers: 64,
    fps: 30,
    rows: [{ metric: 'last', against: [{ peer: 'go-64', metric: 'last', most: 0.5 }] }],
  }),
];

/**
 * The named variants and the peers that they are compared with, in the order of a round. All of them when no name is
 * given.
 *
 * @throws Error when there is no such variant.
 */
export function selectVariants(names: readonly string[]): readonly Variant[] {
  if (names.length === 0) return VARIANTS;
  const known = VARIANTS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only: there is no "${unknown}"; there are ${known.join(', ')}`);
  const named = VARIANTS.filter(({ name }) => names.includes(name));
  const peers = named.flatMap(({ rows }) => rows.flatMap(({ against = [] }) => against.map(({ peer }) => peer)));
  const wanted = new Set([...names, ...peers]);
  return VARIANTS.filter(({ name }) => wanted.has(name));
}

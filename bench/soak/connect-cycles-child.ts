// One camera as in a camera process, which reconnects at once whenever its connection ends. Argument: JSON. Prints a
// line for every connection with a picture; ends with its input.
import { openSync } from 'node:fs';
import { createLog, Scope, systemClock } from '@vigia/base';
import { FrameSupplier } from '@vigia/frame-supplier';
import { type Picture, Renditions, StreamCapture, WHOLE } from '../support/runtime-internals.ts';

interface Setup {
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  /** The control: each connection leaks a descriptor and some memory. */
  readonly leak: boolean;
}

const LEAKED_BYTES = 64 * 1024;
const INPUT = { width: 300, height: 300, fit: 'stretch', format: 'RGB24' } as const;

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const clock = systemClock;
const scope = new Scope();
const leaked: Buffer[] = [];
let told = false;

const supplier: FrameSupplier<Picture> = new FrameSupplier<Picture>({
  clock,
  sourceIntervalMs: () => capture.sourceIntervalMs,
});
supplier.start();
const renditions = new Renditions(
  { node: `soak-cycles-${process.pid}`, camera: 'one', roi: WHOLE, privacy: [], clock },
  scope,
);
renditions.admit(INPUT, 1);

const mailbox = supplier.subscribe('people', {
  onOffer: () => {
    const picture = mailbox.take();
    if (!picture) return;
    renditions.render(picture, INPUT)?.lease.release();
    picture.release();
    mailbox.settle();
    if (told) return;
    told = true;
    process.stdout.write('"picture"\n');
  },
});

const capture: StreamCapture = new StreamCapture({
  url: setup.url,
  transport: setup.transport,
  clock,
  log: createLog('soak', () => undefined),
  sink: { publish: (picture) => supplier.publish(picture), hasDemand: () => true },
  // Real waits protect cameras; this test is about leaks only.
  backoff: { firstMs: 1, maxMs: 1 },
  onState: ({ state }) => {
    if (state !== 'connecting') return;
    told = false;
    if (!setup.leak) return;
    openSync('/dev/null', 'r');
    leaked.push(Buffer.alloc(LEAKED_BYTES, leaked.length));
  },
});
// A tap without a reader: its bound must hold over all connections.
capture.openTap({ maxBytes: 256 * 1024 });
capture.start();

process.stdin.resume();
process.stdin.on('end', () => {
  void capture.close().then(async () => {
    supplier.stop();
    await scope.close();
    process.exit(0);
  });
});

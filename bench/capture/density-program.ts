// One camera as in a camera process (capture, supplier, renditions), with a consumer at 5 fps whose model runs
// elsewhere and takes 20 ms. Argument: JSON. Sends its parent every age when asked to end.
import { createLog, Scope, sleep, systemClock } from '@vigia/base';
import { FrameSupplier } from '@vigia/frame-supplier';
import { DECODE_ALL, type Picture, Renditions, StreamCapture, WHOLE } from '../support/runtime-internals.ts';

interface Setup {
  readonly id: number;
  /** The stream that is decoded. */
  readonly detect: string;
  /** The large stream, only drained. */
  readonly main: string | undefined;
  /** As configured when every model of a camera allows it. */
  readonly skipLoopFilter: boolean;
  /** Cameras are not synchronised. */
  readonly delayMs: number;
}

const MODEL_MS = 20;
const FPS = 5;
const INPUT = { width: 300, height: 300, fit: 'stretch', format: 'RGB24' } as const;

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const clock = systemClock;
const scope = new Scope();
let agesMs: number[] = [];
let capture: StreamCapture | undefined;

const supplier = new FrameSupplier<Picture>({ clock, sourceIntervalMs: () => capture?.sourceIntervalMs ?? 33 });
supplier.start();
const renditions = new Renditions(
  { node: `bench${process.pid}`, camera: `c${setup.id}`, roi: WHOLE, privacy: [], clock },
  scope,
);
renditions.admit(INPUT, 1);

const mailbox = supplier.subscribe('people', {
  fps: FPS,
  onOffer: () => {
    const picture = mailbox.take();
    if (!picture) return;
    const { capturedMs } = picture;
    const rendered = renditions.render(picture, INPUT);
    picture.release();
    clock.after(MODEL_MS, () => {
      rendered?.lease.release();
      agesMs.push(clock.nowMs() - capturedMs);
      mailbox.settle();
    });
  },
});

function open(url: string, decoded: boolean): StreamCapture {
  return new StreamCapture({
    url,
    clock,
    log: createLog('bench', () => undefined),
    sink: { publish: (picture) => supplier.publish(picture), hasDemand: () => decoded },
    decode: { ...DECODE_ALL, skipLoopFilter: setup.skipLoopFilter },
    onState: () => undefined,
  });
}

await sleep(clock, setup.delayMs);
capture = open(setup.detect, true);
capture.start();
if (setup.main !== undefined) open(setup.main, false).start();

process.on('message', (message) => {
  // Discards the warm-up, or reports and ends.
  if (message === 'begin') agesMs = [];
  else if (message === 'end') {
    const { late, published } = capture?.counters() ?? { late: 0, published: 0 };
    process.send?.({ agesMs, late, published }, () => process.exit(0));
  }
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('exit', () => renditions.close());

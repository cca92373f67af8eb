// Takes frames and forgets to release them, for the test of leak reports. Needs --expose-gc.
import { systemClock } from '@vigia/base';
import { FrameSupplier } from '@vigia/frame-supplier';

let references = 0;
class Frame {
  seq = 0;
  capturedMs = systemClock.nowMs();
  constructor() {
    references += 1;
  }
  retain() {
    references += 1;
  }
  release() {
    references -= 1;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const supplier = new FrameSupplier({ clock: systemClock, sourceIntervalMs: () => 33 });
supplier.start();
const reader = supplier.subscribe('forgetful');
process.on('warning', ({ code, message }) => process.stdout.write(`${JSON.stringify({ code, message })}\n`));

async function forget() {
  supplier.publish(new Frame());
  await turn();
  await reader.next();
}

await forget();
for (let i = 0; i < 20; i += 1) {
  globalThis.gc();
  await turn();
}
const again = await reader.next().catch(({ code }) => code);
process.stdout.write(`${JSON.stringify({ again, references })}\n`);

// One camera, three consumers in one event loop. Each always gets the newest frame; none of them delays another.
import { setTimeout as sleep } from 'node:timers/promises';
import { CountedFrame, FrameSupplier } from '@vigia/frame-supplier';

const supplier = new FrameSupplier();
supplier.start();

const age = (frame) => `${(supplier.clock.nowMs() - frame.capturedMs).toFixed(1)} ms old`;

// Hot: called during distribution.
const hot = supplier.subscribe('motion', {
  onOffer: () => {
    hot.take()?.release();
    hot.settle();
  },
});

// Slow: takes 100 ms per frame, and gets the newest one afterwards.
async function slow() {
  for await (const frame of supplier.subscribe('pose')) {
    console.log(`pose   frame ${frame.seq}, ${age(frame)}`);
    await sleep(100);
  }
}

// Gated: five frames per second at most.
async function gated() {
  for await (const frame of supplier.subscribe('people', { fps: 5 }))
    console.log(`people frame ${frame.seq}, ${age(frame)}`);
}

const consumers = [slow(), gated()];
for (let i = 0; i < 30; i += 1) {
  supplier.publish(new CountedFrame({ pixels: new Uint8Array(1) }, supplier.clock.nowMs()));
  await sleep(33);
}
for (const [id, { counters }] of supplier.statistics().consumers) console.log(id, JSON.stringify(counters));
supplier.stop();
await Promise.all(consumers);

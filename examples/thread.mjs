// A worker thread that blocks until the newest frame is available. Both threads share the memory of the pixels.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { CountedFrame, FrameSupplier, openThreadReader, ThreadFrameServer } from '@vigia/frame-supplier';

if (isMainThread) await publish();
else read(workerData);

async function publish() {
  const supplier = new FrameSupplier();
  supplier.start();
  const shape = { width: 64, height: 48, format: 'GRAY8', planes: [{ offset: 0, stride: 64 }], byteLength: 64 * 48 };
  const server = new ThreadFrameServer({
    supplier,
    rendition: { shape, render: (frame, pixels) => pixels.fill(frame.value) },
    onReaderEnd: (id, report) => console.log(`${id}: ${JSON.stringify(report)}`),
  });
  const handle = server.admit('brightness');
  const worker = new Worker(new URL(import.meta.url), { workerData: handle, transferList: [handle.port] });
  await new Promise((resolve) => worker.once('online', resolve));
  for (let grey = 0; grey < 60; grey += 1) {
    supplier.publish(new CountedFrame(grey, supplier.clock.nowMs()));
    await sleep(33);
  }
  supplier.stop();
  await new Promise((resolve) => worker.once('exit', resolve));
  server.close();
}

function read(handle) {
  const reader = openThreadReader(handle);
  for (const frame of reader) {
    const sum = frame.pixels.reduce((a, b) => a + b, 0);
    // Results count only if the frame was still whole when the work was done.
    if (frame.whole()) console.log(`frame ${frame.seq}: brightness ${sum / frame.byteLength}`);
  }
  console.log(`the end: ${reader.end}`);
}

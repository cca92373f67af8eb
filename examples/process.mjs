// Frames for other processes: this one publishes, and reads in a child; process.py reads the same frames in Python.
//   node examples/process.mjs        (in another terminal: python3 examples/process.py)
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { attachReader, CountedFrame, FrameSupplier, ProcessFrameServer } from '@vigia/frame-supplier';

const SOCKET = process.env.VIGIA_EXAMPLE_SOCKET ?? '/tmp/vigia-example.sock';
if (process.argv[2] === 'read') await read();
else await publish();

async function publish() {
  const supplier = new FrameSupplier();
  supplier.start();
  const shape = { width: 64, height: 48, format: 'GRAY8', planes: [{ offset: 0, stride: 64 }], byteLength: 64 * 48 };
  const server = await ProcessFrameServer.open({
    supplier,
    path: `/dev/shm/vigia_example-${process.pid}_frames_camera_64x48`,
    socketPath: SOCKET,
    rendition: { shape, render: (frame, pixels) => pixels.fill(frame.value) },
    onReaderEnd: (id, { counters, results }) => console.log(id, JSON.stringify({ counters, results })),
  });
  const child = fork(process.argv[1], ['read']);
  for (let grey = 0; grey < 150; grey += 1) {
    supplier.publish(new CountedFrame(grey, supplier.clock.nowMs()));
    await sleep(33);
  }
  supplier.stop();
  await new Promise((resolve) => child.once('exit', resolve));
  server.close();
}

async function read() {
  const reader = await attachReader(SOCKET, 'node', { fps: 5 });
  for await (const frame of reader)
    console.log(`node   frame ${frame.seq}: grey ${frame.pixels[0]}, whole: ${frame.whole()}`);
  console.log(`node   the end: ${reader.end}`);
  process.disconnect();
}

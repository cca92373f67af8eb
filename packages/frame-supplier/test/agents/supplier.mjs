// A supplier in its own process, to be killed: `supplier.mjs SEGMENT SOCKET [HZ] [SIDE]`.
import { systemClock } from '@vigia/base';
import { FrameSupplier, ProcessFrameServer } from '@vigia/frame-supplier';

const [path, socketPath, hz = '100', side = '64'] = process.argv.slice(2);
const size = Number(side);

class Frame {
  seq = 0;
  capturedMs = systemClock.nowMs();
  retain() {}
  release() {}
}

const supplier = new FrameSupplier({ clock: systemClock, sourceIntervalMs: () => 1000 / Number(hz) });
supplier.start();
const shape = {
  width: size,
  height: size,
  format: 'GRAY8',
  planes: [{ offset: 0, stride: size }],
  byteLength: size * size,
};
const server = await ProcessFrameServer.open({
  supplier,
  path,
  socketPath,
  rendition: { shape, render: (frame, pixels) => pixels.fill(frame.seq & 255) },
});
setInterval(() => supplier.publish(new Frame()), 1000 / Number(hz));
process.on('SIGTERM', () => {
  supplier.stop();
  server.close();
  process.exit(0);
});
process.stdout.write('ready\n');

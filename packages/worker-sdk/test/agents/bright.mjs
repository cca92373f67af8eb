// The worker of the conformance suite on the TypeScript SDK, for a process and for a thread: the brightness of each
// frame, as in examples/workers/bright.pl. Options: `print` (writes to standard output all the time), `tell` (returns
// its settings).
import { workerData } from 'node:worker_threads';
import { frames, options, workerInput } from '@vigia/worker-sdk';

const { print = false, tell = false } = options();
const environment = workerData?.vigiaWorker.env ?? process.env;
/** The first plane of NV12 and I420 is the luma. */
const pixelBytes = { GRAY8: 1, NV12: 1, I420: 1, RGB24: 3, BGR24: 3 };

function brightness({ format, width, height, planes, pixels }) {
  const { offset, stride } = planes[0];
  const bytes = width * pixelBytes[format];
  let sum = 0;
  for (let y = 0; y < height; y += 1)
    for (let i = offset + y * stride; i < offset + y * stride + bytes; i += 1) sum += pixels[i];
  return sum / (bytes * height * 255);
}

function told() {
  const { VIGIA_NODE, VIGIA_CAMERA, VIGIA_CONSUMER, VIGIA_WORKER } = environment;
  const { format, width, height } = workerInput();
  return {
    variables: [VIGIA_NODE, VIGIA_CAMERA, VIGIA_CONSUMER, VIGIA_WORKER],
    options: options(),
    input: [format, width, height],
  };
}

function say(text) {
  console.log(text);
  process.stdout.write(`${text}, in other words\n`);
}

if (print) say('printed while loading');
for await (const frame of frames({ name: 'bright' })) {
  if (print) say(`printed with frame ${frame.seq}`);
  if (frame.format === 'JPEG') {
    frame.error('JPEG is not understood');
    continue;
  }
  const value = brightness(frame);
  const bright = { class_id: 0, class_name: 'bright', confidence: value, bbox: [0, 0, 1, 1] };
  frame.result({ detections: value > 0.5 ? [bright] : [], data: { brightness: value, ...(tell && { told: told() }) } });
}

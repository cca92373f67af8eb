// The brightness of each picture as data, and a detection over the whole picture when it is bright. Runs in a thread of
// the camera's process (`module: examples/workers/brightness.mjs`) and as a separate process (`command: [node, …]`).
import { frames, log } from '@vigia/worker-sdk';

/** Bytes per pixel to average: the first plane of NV12 and I420 is the luma. */
const pixelBytes = { GRAY8: 1, NV12: 1, I420: 1, RGB24: 3, BGR24: 3 };

function brightness({ format, width, height, planes, pixels }) {
  const { offset, stride } = planes[0];
  const bytes = width * pixelBytes[format];
  let sum = 0;
  for (let y = 0; y < height; y += 1) {
    const start = offset + y * stride;
    for (let i = start; i < start + bytes; i += 1) sum += pixels[i];
  }
  return sum / (bytes * height * 255);
}

for await (const frame of frames({ name: 'brightness' })) {
  if (frame.format === 'JPEG') {
    frame.error('a picture without compression is needed', 'unsupported_format');
    continue;
  }
  const value = brightness(frame);
  const bright = { class_id: 0, class_name: 'bright', confidence: value, bbox: [0, 0, 1, 1] };
  frame.result({ detections: value > 0.5 ? [bright] : [], data: { brightness: value } });
}
log('info', 'brightness: the end');

// Finds the white square of a marked clip (support/marked-clip.ts): below the rows that hold the picture's number.
import { frames } from '@vigia/worker-sdk';

const NUMBER_ROWS = 24;
const WHITE = 140;

function squareIn({ width, height, planes, pixels }) {
  const { offset, stride } = planes[0];
  const box = { left: width, top: height, right: -1, bottom: -1 };
  for (let y = NUMBER_ROWS; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      if (pixels[offset + y * stride + x] > WHITE) {
        box.left = Math.min(box.left, x);
        box.top = Math.min(box.top, y);
        box.right = Math.max(box.right, x);
        box.bottom = Math.max(box.bottom, y);
      }
  return [box.left / width, box.top / height, (box.right + 1) / width, (box.bottom + 1) / height];
}

for await (const frame of frames({ name: 'square' }))
  frame.result({ detections: [{ class_id: 0, class_name: 'square', confidence: 1, bbox: squareIn(frame) }] });

import { AV_PIX_FMT_YUV420P } from 'node-av/constants';
import { Frame } from 'node-av/lib';

/** Size of {@link paintedFrame}, pixels. */
export const PAINTED = { width: 320, height: 240 } as const;

/** A real frame of libav, of its own memory: brightness grows to the right, colours change to below. Freed by the caller. */
export function paintedFrame(): Frame {
  const { width, height } = PAINTED;
  const frame = emptyFrame(width, height);
  const [y, u, v] = frame.data ?? [];
  const [yStride = 0, uStride = 0, vStride = 0] = frame.linesize;
  for (let row = 0; row < height; row += 1)
    for (let column = 0; column < width; column += 1)
      y![row * yStride + column] = 16 + Math.floor((column * 219) / width);
  for (let row = 0; row < height / 2; row += 1) {
    u!.fill(64 + row, row * uStride, row * uStride + width / 2);
    v!.fill(192 - row, row * vStride, row * vStride + width / 2);
  }
  return frame;
}

/** The same without content. */
export function emptyFrame(width: number, height: number): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = AV_PIX_FMT_YUV420P;
  frame.width = width;
  frame.height = height;
  frame.getBuffer(0);
  return frame;
}

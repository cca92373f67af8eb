import type { Detection, PixelFormat } from '@vigia/contracts';

/** A frame that was read. */
export interface FakeFrame {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  /** Offset and bytes per line of each plane. */
  readonly planes: readonly { readonly offset: number; readonly stride: number }[];
  readonly pixels: Uint8Array;
}

/** The bright model: one detection of the whole frame, whose confidence is the mean of all its bytes as RGB. */
export function brightDetections(frame: FakeFrame): Detection[] {
  const confidence = Math.round((sumOf(frame) / (frame.width * frame.height * 3) / 255) * 10_000) / 10_000;
  return [{ class_id: 0, class_name: 'bright', confidence, bbox: [0, 0, 1, 1] }];
}

function sumOf(frame: FakeFrame): number {
  let sum = 0;
  const { width, height } = frame;
  for (let y = 0; y < height; y += 1) {
    if (frame.format === 'RGB24' || frame.format === 'BGR24') sum += sumOfLine(frame, y, 3 * width);
    else if (frame.format === 'GRAY8') sum += 3 * sumOfLine(frame, y, width);
    else for (let x = 0; x < width; x += 1) sum += rgbSum(frame, x, y);
  }
  return sum;
}

function sumOfLine({ planes, pixels }: FakeFrame, y: number, bytes: number): number {
  const { offset = 0, stride = 0 } = planes[0] ?? {};
  let sum = 0;
  for (let i = 0; i < bytes; i += 1) sum += pixels[offset + y * stride + i] ?? 0;
  return sum;
}

/** BT.601, limited range. */
function rgbSum({ planes, pixels, format }: FakeFrame, x: number, y: number): number {
  const at = (plane: number, column: number, line: number): number => {
    const { offset = 0, stride = 0 } = planes[plane] ?? {};
    return pixels[offset + line * stride + column] ?? 0;
  };
  const [column, line] = [x >> 1, y >> 1];
  const luma = 1.164_384 * (at(0, x, y) - 16);
  const u = (format === 'NV12' ? at(1, 2 * column, line) : at(1, column, line)) - 128;
  const v = (format === 'NV12' ? at(1, 2 * column + 1, line) : at(2, column, line)) - 128;
  const rgb = [luma + 1.596_027 * v, luma - 0.391_762 * u - 0.812_968 * v, luma + 2.017_232 * u];
  return rgb.reduce((sum, value) => sum + Math.min(255, Math.max(0, value)), 0);
}

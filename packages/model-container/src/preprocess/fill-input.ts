import type { Plane, RawFrame } from '#frames';
import { type Taps, tapsOf } from './taps.ts';
import { type InputArray, type TensorLayout, type TensorRow, writeLine } from './tensor-writer.ts';

/** A rectangle in pixels of a frame; it may be fractional and extend beyond the frame. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Grey of the letterbox padding, as used by YOLO models. */
export const PADDING = 114;

/** Position of a crop of `width` × `height` in an input, in whole pixels. */
export function contentOf(
  crop: Crop,
  input: { readonly width: number; readonly height: number },
  fit: 'stretch' | 'letterbox',
): Crop {
  if (fit === 'stretch') return { x: 0, y: 0, width: input.width, height: input.height };
  const scale = Math.min(input.width / crop.width, input.height / crop.height);
  const width = Math.max(1, Math.min(input.width, Math.round(crop.width * scale)));
  const height = Math.max(1, Math.min(input.height, Math.round(crop.height * scale)));
  return { x: Math.floor((input.width - width) / 2), y: Math.floor((input.height - height) / 2), width, height };
}

/**
 * Converts frames into a network's input: crop, scale, colour, number format and layout in one pass over the frame,
 * without allocation while the geometry stays the same (a new crop size costs two small tables). Not for concurrent
 * use.
 */
export class InputFiller {
  readonly #layout: TensorLayout;
  readonly #fit: 'stretch' | 'letterbox';
  readonly #line: Float32Array;
  readonly #grey: Float32Array;
  #key = '';
  #content: Crop = { x: 0, y: 0, width: 1, height: 1 };
  #columns: Taps = tapsOf(0, 1, 1, 1);
  #rows: Taps = this.#columns;

  constructor(layout: TensorLayout, fit: 'stretch' | 'letterbox') {
    this.#layout = layout;
    this.#fit = fit;
    this.#line = new Float32Array(layout.width * 3);
    this.#grey = new Float32Array(layout.width * 3).fill(PADDING);
  }

  /**
   * Fills row `row` of a batch.
   *
   * @param crop Default: the whole frame.
   * @returns Position of the crop, in pixels of the input.
   */
  fillRow(frame: RawFrame, into: InputArray, row: number, crop?: Crop): Crop {
    const { width, height, plain } = this.#layout;
    const first = row * width * height * 3;
    if (plain && !crop && frame.format === 'RGB24' && frame.width === width && frame.height === height) {
      copyLines(frame, into as Uint8Array, first);
      return WHOLE(width, height);
    }
    this.#prepare(frame, crop ?? WHOLE(frame.width, frame.height));
    const content = this.#content;
    const target: TensorRow = { into, first, layout: this.#layout };
    if (content.width !== width || content.height !== height) this.#pad(target);
    const line = this.#line;
    for (let y = 0; y < content.height; y += 1) {
      line.fill(0);
      this.#gather(frame, y);
      writeLine(line, content.width, target, content.x, content.y + y);
    }
    return content;
  }

  #prepare(frame: RawFrame, crop: Crop): void {
    const key = `${frame.width} ${frame.height} ${crop.x} ${crop.y} ${crop.width} ${crop.height}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#content = contentOf(crop, this.#layout, this.#fit);
    this.#columns = tapsOf(crop.x, crop.width, this.#content.width, frame.width);
    this.#rows = tapsOf(crop.y, crop.height, this.#content.height, frame.height);
  }

  /** Paints the area around the content. */
  #pad(row: TensorRow): void {
    const { width, height } = this.#layout;
    const { x, y: top, width: inner, height: lines } = this.#content;
    const right = x + inner;
    for (let y = 0; y < height; y += 1) {
      if (y < top || y >= top + lines) writeLine(this.#grey, width, row, 0, y);
      else {
        writeLine(this.#grey, x, row, 0, y);
        writeLine(this.#grey, width - right, row, right, y);
      }
    }
  }

  /** One line of the input as RGB, summed over the lines of the frame that it covers. */
  #gather(frame: RawFrame, y: number): void {
    const rows = this.#rows;
    const line = this.#line;
    const count = this.#content.width;
    for (let k = 0; k < rows.count; k += 1) {
      const sourceY = rows.index[rows.count * y + k] as number;
      const weight = rows.weight[rows.count * y + k] as number;
      if (weight === 0) continue;
      switch (frame.format) {
        case 'RGB24':
        case 'BGR24':
          addPacked(frame, sourceY, this.#columns, count, weight, line);
          break;
        case 'GRAY8':
          addGrey(frame, sourceY, this.#columns, count, weight, line);
          break;
        default:
          addYuv(frame, sourceY, this.#columns, count, weight, line);
      }
    }
    if (frame.format === 'NV12' || frame.format === 'I420') toRgb(line, count);
  }
}

const WHOLE = (width: number, height: number): Crop => ({ x: 0, y: 0, width, height });

function copyLines({ pixels, planes, width, height }: RawFrame, into: Uint8Array, first: number): void {
  const { offset, stride } = planes[0] as Plane;
  const bytes = width * 3;
  if (stride === bytes) {
    into.set(pixels.subarray(offset, offset + bytes * height), first);
    return;
  }
  for (let y = 0; y < height; y += 1) {
    into.set(pixels.subarray(offset + y * stride, offset + y * stride + bytes), first + y * bytes);
  }
}

// The loops below touch every pixel: bounds-checked indices into typed arrays, sums in local variables, no calls.
function addPacked(frame: RawFrame, y: number, taps: Taps, count: number, weight: number, line: Float32Array): void {
  const { pixels } = frame;
  const { offset, stride } = frame.planes[0] as Plane;
  const start = offset + y * stride;
  const [r, b] = frame.format === 'RGB24' ? [0, 2] : [2, 0];
  const { count: each, index, weight: share } = taps;
  for (let x = 0, t = 0, at = 0; x < count; x += 1, at += 3) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (const end = t + each; t < end; t += 1) {
      const w = share[t] as number;
      const from = start + 3 * (index[t] as number);
      red += w * (pixels[from + r] as number);
      green += w * (pixels[from + 1] as number);
      blue += w * (pixels[from + b] as number);
    }
    line[at] = (line[at] as number) + weight * red;
    line[at + 1] = (line[at + 1] as number) + weight * green;
    line[at + 2] = (line[at + 2] as number) + weight * blue;
  }
}

function addGrey(frame: RawFrame, y: number, taps: Taps, count: number, weight: number, line: Float32Array): void {
  const { pixels } = frame;
  const { offset, stride } = frame.planes[0] as Plane;
  const start = offset + y * stride;
  const { count: each, index, weight: share } = taps;
  for (let x = 0, t = 0, at = 0; x < count; x += 1, at += 3) {
    let sum = 0;
    for (const end = t + each; t < end; t += 1)
      sum += (share[t] as number) * (pixels[start + (index[t] as number)] as number);
    const value = (line[at] as number) + weight * sum;
    line[at] = value;
    line[at + 1] = value;
    line[at + 2] = value;
  }
}

/** Sums Y, U, V and converts once per target pixel, which is equivalent: the conversion is linear. */
function addYuv(frame: RawFrame, y: number, taps: Taps, count: number, weight: number, line: Float32Array): void {
  const { pixels, planes, format } = frame;
  const luma = planes[0] as Plane;
  const first = planes[1] as Plane;
  const lumaStart = luma.offset + y * luma.stride;
  const step = format === 'NV12' ? 2 : 1;
  const uStart = first.offset + (y >> 1) * first.stride;
  const second = planes[2];
  const vStart = second ? second.offset + (y >> 1) * second.stride : uStart + 1;
  const { count: each, index, weight: share } = taps;
  for (let x = 0, t = 0, at = 0; x < count; x += 1, at += 3) {
    let light = 0;
    let u = 0;
    let v = 0;
    for (const end = t + each; t < end; t += 1) {
      const w = share[t] as number;
      const column = index[t] as number;
      const chroma = step * (column >> 1);
      light += w * (pixels[lumaStart + column] as number);
      u += w * (pixels[uStart + chroma] as number);
      v += w * (pixels[vStart + chroma] as number);
    }
    line[at] = (line[at] as number) + weight * light;
    line[at + 1] = (line[at + 1] as number) + weight * u;
    line[at + 2] = (line[at + 2] as number) + weight * v;
  }
}

/** BT.601, limited range (ITU-R BT.601-7, 2.5.3): the usual one of cameras that do not signal another. */
function toRgb(line: Float32Array, count: number): void {
  for (let i = 0; i < 3 * count; i += 3) {
    const y = 1.164_383_6 * ((line[i] as number) - 16);
    const u = (line[i + 1] as number) - 128;
    const v = (line[i + 2] as number) - 128;
    line[i] = bounded(y + 1.596_026_8 * v);
    line[i + 1] = bounded(y - 0.391_762_3 * u - 0.812_967_6 * v);
    line[i + 2] = bounded(y + 2.017_232_1 * u);
  }
}

function bounded(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

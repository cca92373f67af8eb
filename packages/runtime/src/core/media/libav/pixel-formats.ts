import {
  AV_PIX_FMT_BGR24,
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_NV21,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_UYVY422,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV444P,
  AV_PIX_FMT_YUVJ420P,
  AV_PIX_FMT_YUVJ422P,
  AV_PIX_FMT_YUVJ444P,
  AV_PIX_FMT_YUYV422,
} from 'node-av/constants';

/** The layout of one plane: bytes per sample, and how many pixels share a sample, as powers of two. */
export interface PlaneLayout {
  readonly bytes: number;
  readonly xShift: number;
  readonly yShift: number;
}

const plane = (bytes: number, xShift = 0, yShift = 0): PlaneLayout => ({ bytes, xShift, yShift });
const FOUR_TWO_ZERO = [plane(1), plane(1, 1, 1), plane(1, 1, 1)];
const FOUR_TWO_TWO = [plane(1), plane(1, 1), plane(1, 1)];
const FOUR_FOUR_FOUR = [plane(1), plane(1), plane(1)];
const SEMI_PLANAR = [plane(1), plane(2, 1, 1)];

/** Pixel formats that cameras' decoders return, by libav's number. */
export const PLANE_LAYOUTS: ReadonlyMap<number, readonly PlaneLayout[]> = new Map<number, readonly PlaneLayout[]>([
  [AV_PIX_FMT_YUV420P, FOUR_TWO_ZERO],
  [AV_PIX_FMT_YUVJ420P, FOUR_TWO_ZERO],
  [AV_PIX_FMT_YUV422P, FOUR_TWO_TWO],
  [AV_PIX_FMT_YUVJ422P, FOUR_TWO_TWO],
  [AV_PIX_FMT_YUV444P, FOUR_FOUR_FOUR],
  [AV_PIX_FMT_YUVJ444P, FOUR_FOUR_FOUR],
  [AV_PIX_FMT_YUV420P10LE, [plane(2), plane(2, 1, 1), plane(2, 1, 1)]],
  [AV_PIX_FMT_NV12, SEMI_PLANAR],
  [AV_PIX_FMT_NV21, SEMI_PLANAR],
  [AV_PIX_FMT_GRAY8, [plane(1)]],
  // Two pixels share four bytes; crops begin at even pixels.
  [AV_PIX_FMT_YUYV422, [plane(2)]],
  [AV_PIX_FMT_UYVY422, [plane(2)]],
  [AV_PIX_FMT_RGB24, [plane(3)]],
  [AV_PIX_FMT_BGR24, [plane(3)]],
]);

import type { Bbox, PixelFormat } from '@vigia/contracts';

/** A rectangle in pixels. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle in shares of the camera's whole picture, 0..1. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The whole picture. */
export const WHOLE: Region = { x: 0, y: 0, width: 1, height: 1 };

/** The rendition that a model or worker needs. */
export interface RenditionSpec extends FrameFit {
  readonly format: PixelFormat;
}

/** A size, and how pictures of other proportions are fitted to it. */
export interface FrameFit {
  readonly width: number;
  readonly height: number;
  /** `stretch` fills the frame and changes the proportions; `letterbox` keeps them and pads. */
  readonly fit: 'stretch' | 'letterbox';
}

/** How pictures of one source size become one rendition. */
export interface Geometry {
  /** Size of the rendition. */
  readonly width: number;
  readonly height: number;
  /** The part of the source, in its pixels. Even numbers, because chroma is subsampled. */
  readonly crop: Rect;
  /** The position of the crop in the rendition. */
  readonly content: Rect;
  /** Grey value 0..255 around the content. */
  readonly padding: number;
  /** The pixel format of the rendition. */
  readonly format: PixelFormat;
}

/** The value that YOLO uses. Any mid grey would do. */
const PADDING = 114;

/** Computes {@link Geometry}. Source sizes are at least 2 pixels. */
export function geometryOf(sourceWidth: number, sourceHeight: number, roi: Region, spec: RenditionSpec): Geometry {
  const crop = cropOf(sourceWidth, sourceHeight, roi);
  const { width, height, format } = spec;
  const whole = { width, height, crop, padding: PADDING, format };
  if (spec.fit === 'stretch') return { ...whole, content: { x: 0, y: 0, width, height } };
  // With subsampled chroma, the content begins and ends on even pixels.
  const step = format === 'NV12' || format === 'I420' ? 2 : 1;
  const snap = (value: number): number => Math.round(value / step) * step;
  const scale = Math.min(width / crop.width, height / crop.height);
  const contentWidth = Math.max(step, Math.min(width, snap(crop.width * scale)));
  const contentHeight = Math.max(step, Math.min(height, snap(crop.height * scale)));
  const content = {
    x: Math.floor((width - contentWidth) / 2 / step) * step,
    y: Math.floor((height - contentHeight) / 2 / step) * step,
    width: contentWidth,
    height: contentHeight,
  };
  return { ...whole, content };
}

function cropOf(sourceWidth: number, sourceHeight: number, roi: Region): Rect {
  const x = even(Math.floor(roi.x * sourceWidth));
  const y = even(Math.floor(roi.y * sourceHeight));
  const width = Math.max(2, Math.min(sourceWidth - x, Math.round(roi.width * sourceWidth)));
  const height = Math.max(2, Math.min(sourceHeight - y, Math.round(roi.height * sourceHeight)));
  // Keeps the whole picture, even if its size is odd.
  return {
    x,
    y,
    width: x === 0 && roi.width === 1 ? sourceWidth : even(width),
    height: y === 0 && roi.height === 1 ? sourceHeight : even(height),
  };
}

function even(value: number): number {
  return value - (value % 2);
}

/** Maps a box from the rendition (0..1) to the camera's whole picture (0..1). */
export function wholeFromRendition(box: Bbox, geometry: Geometry, sourceWidth: number, sourceHeight: number): Bbox {
  const { crop, content, width, height } = geometry;
  const x = (v: number): number =>
    clamp((crop.x + ((v * width - content.x) / content.width) * crop.width) / sourceWidth);
  const y = (v: number): number =>
    clamp((crop.y + ((v * height - content.y) / content.height) * crop.height) / sourceHeight);
  return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

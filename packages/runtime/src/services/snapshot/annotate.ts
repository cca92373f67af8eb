import { createRequire } from 'node:module';
import type { Detection, ResultMessage } from '@vigia/contracts';
import sharp, { type OverlayOptions } from 'sharp';
import { maskOverlay } from './mask-overlay.ts';
import { skeletonSvg } from './skeleton.ts';

/** RGB24 pixels, tightly packed. */
export interface RgbPicture {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Distinct on bright and dark scenes. Each class keeps its colour. */
const COLOURS = ['#ff3d6e', '#21c7ff', '#ffd02b', '#5be35b', '#c38bff', '#ff9a3d'];
const QUALITY = 88;
// A minimal machine has no fonts, so this one is a dependency.
const FONT_FILE = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf');

/**
 * Encodes a picture as a JPEG, with the boxes, points, masks and scores of its result and a line with its time and age.
 *
 * @param result The result of exactly this picture; undefined for a picture without boxes.
 */
export async function encodeSnapshot(picture: RgbPicture, result: ResultMessage | undefined): Promise<Buffer> {
  const { width, height, data } = picture;
  const base = sharp(data, { raw: { width, height, channels: 3 } });
  const overlays = result ? await overlaysOf(picture, result) : [];
  return base.composite(overlays).jpeg({ quality: QUALITY }).toBuffer();
}

async function overlaysOf(picture: RgbPicture, result: ResultMessage): Promise<OverlayOptions[]> {
  const detections = result.detections ?? [];
  const images = await Promise.all(detections.map((d) => labelImage(picture, d)));
  const placed: Rect[] = [];
  const labels = detections.map((detection, i): OverlayOptions => {
    const image = images[i] as TextImage;
    const at = placeLabel(picture, detection, image, placed);
    placed.push(at);
    return { input: image.data, left: at.left, top: at.top };
  });
  const masks = await Promise.all(
    detections.flatMap(({ mask, bbox, class_id: id }) =>
      mask ? [maskOverlay(mask, bbox, colourOf(id), picture)] : [],
    ),
  );
  return [...masks, { input: Buffer.from(boxesSvg(picture, detections)) }, ...labels, await footer(picture, result)];
}

/** A line of text as a PNG. */
export interface TextImage {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Places a label above its box, or else below it or further up, where it covers no other label. */
function placeLabel(picture: RgbPicture, detection: Detection, image: TextImage, placed: readonly Rect[]): Rect {
  const [x0, y0, , y1] = detection.bbox;
  const { width, height } = image;
  const left = clamp(Math.round(x0 * picture.width), 0, picture.width - width);
  const above = Math.round(y0 * picture.height) - height;
  const tops = [above, Math.round(y1 * picture.height), above - height, above - 2 * height];
  const rects = tops.map((top): Rect => ({ left, top: clamp(top, 0, picture.height - height), width, height }));
  return rects.find((rect) => placed.every((other) => !overlap(rect, other))) ?? (rects[0] as Rect);
}

function overlap(a: Rect, b: Rect): boolean {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}

function boxesSvg({ width, height }: RgbPicture, detections: readonly Detection[]): string {
  const stroke = Math.max(2, Math.round(height / 240));
  const rects = detections.map(({ bbox: [x0, y0, x1, y1], class_id: id, keypoints = [] }) => {
    const box = `x="${x0 * width}" y="${y0 * height}" width="${(x1 - x0) * width}" height="${(y1 - y0) * height}"`;
    const points = skeletonSvg(keypoints, colourOf(id + 1), width, height);
    return `<rect ${box} fill="none" stroke="${colourOf(id)}" stroke-width="${stroke}"/>${points}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${rects.join('')}</svg>`;
}

function labelImage({ height }: RgbPicture, detection: Detection): Promise<TextImage> {
  const text = `${detection.class_name} ${(detection.confidence * 100).toFixed(0)}%`;
  return textImage(text, Math.max(8, Math.round(height / 60)), '#101014', colourOf(detection.class_id));
}

async function footer({ height }: RgbPicture, result: ResultMessage): Promise<OverlayOptions> {
  const text = `${result.camera} / ${result.consumer}   ${result.captured_at}   age ${result.age_certain ? '' : 'at least '}${result.age_ms.toFixed(0)} ms   frame ${result.seq}`;
  const label = await textImage(text, Math.max(8, Math.round(height / 64)), '#f4f4f6', '#101014');
  return { input: label.data, left: 0, top: height - label.height };
}

/** A line of text, bold. @param size Height of a letter, about. Pixels. */
export async function textImage(text: string, size: number, colour: string, background: string): Promise<TextImage> {
  const markup = `<span foreground="${colour}">${text.replace(/[<&>]/g, ' ')}</span>`;
  const padding = Math.max(2, Math.round(size / 4));
  const { data, info } = await sharp({
    text: { text: markup, font: `DejaVu Sans Bold ${size}`, fontfile: FONT_FILE, rgba: true, dpi: 72 },
  })
    .extend({
      top: padding,
      bottom: padding,
      left: padding * 2,
      right: padding * 2,
      background: { r: 0, g: 0, b: 0, alpha: 0 },
    })
    .flatten({ background })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

function colourOf(classId: number): string {
  return COLOURS[classId % COLOURS.length] as string;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(Math.max(low, high), value));
}

/** Of a small picture: boxes are drawn by who shows it, so the file may be smaller. */
const TILE_QUALITY = 72;

/** Encodes a picture as a JPEG of this width, pixels, without boxes. The pixels must stay untouched until it has resolved. */
export async function encodeTile(
  { data, width, height }: RgbPicture,
  tileWidth: number,
): Promise<{ readonly jpeg: Uint8Array; readonly width: number; readonly height: number }> {
  const { data: jpeg, info } = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: tileWidth })
    .jpeg({ quality: TILE_QUALITY })
    .toBuffer({ resolveWithObject: true });
  return { jpeg, width: info.width, height: info.height };
}

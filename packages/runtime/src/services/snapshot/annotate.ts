import { createRequire } from 'node:module';
import type { Detection, ResultMessage } from '@vigia/contracts';
import sharp, { type OverlayOptions } from 'sharp';

/** RGB24 pixels, tightly packed. */
export interface RgbPicture {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Distinct on both bright and dark scenes; a class keeps its colour. */
const COLOURS = ['#ff3d6e', '#21c7ff', '#ffd02b', '#5be35b', '#c38bff', '#ff9a3d'];
const QUALITY = 88;
// A fresh machine has no fonts: this one comes with the project.
const FONT_FILE = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf');

/**
 * A JPEG of the picture with the boxes and scores of its result and a line that says when and how old.
 *
 * @param result The result of exactly this picture; undefined for a bare one.
 */
export async function encodeSnapshot(picture: RgbPicture, result: ResultMessage | undefined): Promise<Buffer> {
  const { width, height, data } = picture;
  const base = sharp(data, { raw: { width, height, channels: 3 } });
  const overlays = result ? await overlaysOf(picture, result) : [];
  return base.composite(overlays).jpeg({ quality: QUALITY }).toBuffer();
}

async function overlaysOf(picture: RgbPicture, result: ResultMessage): Promise<OverlayOptions[]> {
  const detections = result.detections ?? [];
  const labels = await Promise.all(detections.map((d) => labelOf(picture, d)));
  return [{ input: Buffer.from(boxesSvg(picture, detections)) }, ...labels, await footer(picture, result)];
}

function boxesSvg({ width, height }: RgbPicture, detections: readonly Detection[]): string {
  const stroke = Math.max(2, Math.round(height / 240));
  const rects = detections.map(({ bbox: [x0, y0, x1, y1], class_id: id }) => {
    const box = `x="${x0 * width}" y="${y0 * height}" width="${(x1 - x0) * width}" height="${(y1 - y0) * height}"`;
    return `<rect ${box} fill="none" stroke="${colourOf(id)}" stroke-width="${stroke}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${rects.join('')}</svg>`;
}

async function labelOf({ width, height }: RgbPicture, detection: Detection): Promise<OverlayOptions> {
  const text = `${detection.class_name} ${(detection.confidence * 100).toFixed(0)}%`;
  const label = await textImage(text, Math.max(8, Math.round(height / 60)), '#101014', colourOf(detection.class_id));
  const [x0, y0] = detection.bbox;
  const left = clamp(Math.round(x0 * width), 0, width - label.width);
  const top = clamp(Math.round(y0 * height) - label.height, 0, height - label.height);
  return { input: label.data, left, top };
}

async function footer({ height }: RgbPicture, result: ResultMessage): Promise<OverlayOptions> {
  const text = `${result.camera} / ${result.consumer}   ${result.captured_at}   age ${result.age_ms.toFixed(0)} ms   frame ${result.seq}`;
  const label = await textImage(text, Math.max(8, Math.round(height / 64)), '#f4f4f6', '#101014');
  return { input: label.data, left: 0, top: height - label.height };
}

async function textImage(
  text: string,
  size: number,
  colour: string,
  background: string,
): Promise<{ data: Buffer; width: number; height: number }> {
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

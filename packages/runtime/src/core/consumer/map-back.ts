import { quoted } from '@vigia/base';
import { type Bbox, cutMask, type Detection, type MaskRegion } from '@vigia/contracts';
import { type Geometry, wholeFromRendition } from '#core/media';

/**
 * Maps a detection from shares of the rendition to shares of the camera's whole picture. Cuts off the padding: boxes and
 * points are clamped to the content, a mask loses the cells that lie outside. Names become printable and short.
 *
 * @param width, height Of the whole picture, pixels.
 */
export function mapBack(detection: Detection, geometry: Geometry, width: number, height: number): Detection {
  const { bbox, keypoints, mask } = detection;
  const mapped = (box: Bbox): Bbox => rounded(wholeFromRendition(box, geometry, width, height));
  return {
    ...detection,
    class_name: shown(detection.class_name),
    bbox: mapped(bbox),
    ...(keypoints && {
      keypoints: keypoints.map(({ name, x, y, confidence }) => {
        const [wholeX, wholeY] = mapped([x, y, x, y]);
        return { name: shown(name), x: wholeX, y: wholeY, confidence };
      }),
    }),
    ...(mask && { mask: cutMask(mask, bbox, contentOf(geometry)) }),
  };
}

/** Less than a tenth of a pixel of the largest picture. Nobody wants to read 0.9409900000000001. */
const PLACES = 1e5;

function rounded([left, top, right, bottom]: Bbox): Bbox {
  return [share(left), share(top), share(right), share(bottom)];
}

function share(value: number): number {
  return Math.round(value * PLACES) / PLACES;
}

/** Longest name, in characters. */
const NAME_LIMIT = 128;
/** How names are shown: nearly all results have the same few. */
const SHOWN = new Map<string, string>();
const SHOWN_LIMIT = 1_000;

/** A name comes from a model or a worker, and goes everywhere: to terminals, into reports and snapshots. */
function shown(name: string): string {
  const known = SHOWN.get(name);
  if (known !== undefined) return known;
  const text = quoted(name, NAME_LIMIT);
  if (SHOWN.size >= SHOWN_LIMIT) SHOWN.clear();
  if (name.length <= NAME_LIMIT) SHOWN.set(name, text);
  return text;
}

/** The part of the rendition that shows the camera's picture, in shares. */
function contentOf({ content, width, height }: Geometry): MaskRegion {
  return { x: content.x / width, y: content.y / height, width: content.width / width, height: content.height / height };
}

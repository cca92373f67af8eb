import { type Bbox, decodeRunLengths, type Mask } from '@vigia/contracts';
import sharp, { type OverlayOptions } from 'sharp';

/** Opacity of a mask, 0..255. */
const ALPHA = 110;

/**
 * A mask as a coloured layer over its box.
 *
 * @param colour `#rrggbb`.
 * @param picture The size in pixels; the layer lies inside.
 */
export async function maskOverlay(
  mask: Mask,
  [x0, y0, x1, y1]: Bbox,
  colour: string,
  picture: { readonly width: number; readonly height: number },
): Promise<OverlayOptions> {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const cells = Buffer.alloc(mask.width * mask.height * 4);
  decodeRunLengths(mask.counts, mask.width * mask.height).forEach((inside, at) => {
    if (inside) cells.set([r ?? 0, g ?? 0, b ?? 0, ALPHA], at * 4);
  });
  const left = Math.min(picture.width - 1, Math.round(x0 * picture.width));
  const top = Math.min(picture.height - 1, Math.round(y0 * picture.height));
  const width = Math.max(1, Math.min(picture.width - left, Math.round((x1 - x0) * picture.width)));
  const height = Math.max(1, Math.min(picture.height - top, Math.round((y1 - y0) * picture.height)));
  const input = await sharp(cells, { raw: { width: mask.width, height: mask.height, channels: 4 } })
    .resize(width, height, { fit: 'fill', kernel: 'nearest' })
    .png()
    .toBuffer();
  return { input, left, top };
}

import { join } from 'node:path';
import { messageOf, UsageError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import sharp from 'sharp';
import type { FrameSize } from '#manifest';
import { GOLDEN_ASSETS } from '#model-store';
import { contentOf, type Crop, PADDING } from '#preprocess';

/** A picture converted to a model's frame. */
export interface GoldenPicture {
  /** For display. */
  readonly name: string;
  /** Packed RGB24 of the model's frame size. */
  readonly pixels: Buffer;
  /** Of the picture, pixels. */
  readonly width: number;
  /** Of the picture, pixels. */
  readonly height: number;
  /** Position of the picture in the frame. */
  readonly content: Crop;
}

/** Six people, a bicycle and two cars; the only built-in picture with its original proportions. */
const BUILT_IN = 'pedestrians-512x384.png';

/**
 * Reads a picture and converts it to a model's frame, as a camera would.
 *
 * @param path Default: the built-in picture of pedestrians.
 * @throws UsageError when it cannot be read.
 */
export async function readGoldenPicture(path: string | undefined, frame: FrameSize): Promise<GoldenPicture> {
  try {
    const { data, info } = await sharp(path ?? join(GOLDEN_ASSETS, BUILT_IN))
      .autoOrient()
      .flatten()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const content = contentOf({ x: 0, y: 0, width, height }, frame, frame.fit);
    const pixels = await sharp(data, { raw: { width, height, channels: 3 } })
      .resize(content.width, content.height, { fit: 'fill' })
      .extend({
        left: content.x,
        top: content.y,
        right: frame.width - content.x - content.width,
        bottom: frame.height - content.y - content.height,
        background: { r: PADDING, g: PADDING, b: PADDING },
      })
      .raw()
      .toBuffer();
    return { name: path ?? 'of pedestrians (built in)', pixels, width, height, content };
  } catch (error) {
    throw new UsageError(`the golden picture ${path ?? BUILT_IN} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The detections of a model in it, one line each, with boxes in pixels of the picture. */
export function describeDetections(
  detections: readonly Detection[],
  frame: FrameSize,
  { content, width, height }: GoldenPicture,
): string[] {
  const x = (share: number): number => Math.round(((share * frame.width - content.x) / content.width) * width);
  const y = (share: number): number => Math.round(((share * frame.height - content.y) / content.height) * height);
  return detections.map(({ class_name, confidence, bbox: [x0, y0, x1, y1], keypoints, mask }) => {
    const more = `${keypoints ? `, ${keypoints.length} points` : ''}${mask ? ', with a mask' : ''}`;
    return `${class_name} ${confidence.toFixed(2)} at ${x(x0)},${y(y0)} to ${x(x1)},${y(y1)}${more}`;
  });
}

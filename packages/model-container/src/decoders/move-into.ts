import { type Bbox, cutMask, type Detection, type MaskRegion } from '@vigia/contracts';
import { clampUnit } from './unit.ts';

/**
 * Converts a detection from fractions of a frame to fractions of a region of it. Boxes and points are clamped; a mask
 * loses the cells outside the region, so that the others keep their position.
 */
export function moveInto(detection: Detection, region: MaskRegion): Detection {
  const { bbox, keypoints, mask } = detection;
  const x = (value: number): number => clampUnit((value - region.x) / region.width);
  const y = (value: number): number => clampUnit((value - region.y) / region.height);
  const [x0, y0, x1, y1] = bbox;
  const moved: Bbox = [x(x0), y(y0), x(x1), y(y1)];
  return {
    ...detection,
    bbox: moved,
    ...(keypoints && {
      keypoints: keypoints.map(({ name, confidence, ...point }) => ({
        name,
        x: x(point.x),
        y: y(point.y),
        confidence,
      })),
    }),
    ...(mask && { mask: cutMask(mask, bbox, region) }),
  };
}

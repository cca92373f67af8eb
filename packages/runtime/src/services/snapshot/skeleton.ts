import type { Keypoint } from '@vigia/contracts';

/** The COCO keypoints that are joined by lines. Other keypoints are drawn as dots. */
const BONES: readonly (readonly [string, string])[] = [
  ['left_shoulder', 'right_shoulder'],
  ['left_shoulder', 'left_elbow'],
  ['left_elbow', 'left_wrist'],
  ['right_shoulder', 'right_elbow'],
  ['right_elbow', 'right_wrist'],
  ['left_shoulder', 'left_hip'],
  ['right_shoulder', 'right_hip'],
  ['left_hip', 'right_hip'],
  ['left_hip', 'left_knee'],
  ['left_knee', 'left_ankle'],
  ['right_hip', 'right_knee'],
  ['right_knee', 'right_ankle'],
  ['nose', 'left_eye'],
  ['nose', 'right_eye'],
  ['left_eye', 'left_ear'],
  ['right_eye', 'right_ear'],
];
/** Keypoints below this confidence are not drawn. */
const LEAST_CONFIDENCE = 0.25;

/** Keypoints and the lines between them, as SVG elements. @param width, height Of the picture, pixels. */
export function skeletonSvg(keypoints: readonly Keypoint[], colour: string, width: number, height: number): string {
  const points = new Map(keypoints.filter((p) => p.confidence >= LEAST_CONFIDENCE).map((p) => [p.name, p]));
  const thickness = Math.max(1.5, height / 300);
  const lines = BONES.flatMap(([from, to]) => {
    const [a, b] = [points.get(from), points.get(to)];
    if (!a || !b) return [];
    const ends = `x1="${a.x * width}" y1="${a.y * height}" x2="${b.x * width}" y2="${b.y * height}"`;
    return [`<line ${ends} stroke="${colour}" stroke-width="${thickness}" stroke-linecap="round"/>`];
  });
  const dots = [...points.values()].map(
    ({ x, y }) =>
      `<circle cx="${x * width}" cy="${y * height}" r="${thickness * 1.2}" fill="#ffffff" stroke="${colour}"/>`,
  );
  return [...lines, ...dots].join('');
}

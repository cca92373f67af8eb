import type { Detection, ResultMessage } from '@vigia/contracts';
import type { PictureHeader } from './picture-message.ts';

/** What is drawn over a picture: of results of just this picture. Coordinates are its pixels; SVG path data. */
export interface Overlay {
  readonly boxes: string;
  readonly bones: string;
  readonly joints: string;
  /** The parts of boxes that belong to the objects. */
  readonly masks: string;
}

type Seen = Pick<ResultMessage, 'seq' | 'captured_at' | 'detections'>;

/** What results of exactly this picture saw; null without such a result. */
export function overlayOf(header: PictureHeader, results: readonly Seen[]): Overlay | null {
  if (header.seq === null) return null;
  const own = results.filter(
    (result) => result.seq === header.seq && result.captured_at === header.captured_at && result.detections !== null,
  );
  if (own.length === 0) return null;
  const detections = own.flatMap(({ detections: seen }) => seen ?? []);
  const { width, height } = header;
  const scaled = (x: number, y: number): string => `${(x * width).toFixed(1)} ${(y * height).toFixed(1)}`;
  return {
    boxes: detections
      .map(({ bbox: [x0, y0, x1, y1] }) => `M${scaled(x0, y0)}L${scaled(x1, y0)}L${scaled(x1, y1)}L${scaled(x0, y1)}Z`)
      .join(''),
    bones: detections.flatMap((one) => bonesOf(one, scaled)).join(''),
    masks: detections.map((one) => maskOf(one, scaled)).join(''),
    joints: detections.flatMap((one) => jointsOf(one).map(({ x, y }) => `M${scaled(x, y)}h0`)).join(''),
  };
}

/** One rectangle for each run of a row: `counts` are lengths outside and inside, alternately, beginning with outside. */
function maskOf({ bbox: [x0, y0, x1, y1], mask }: Detection, scaled: (x: number, y: number) => string): string {
  if (mask === undefined) return '';
  const { width, height, counts } = mask;
  const at = (column: number, row: number): string =>
    scaled(x0 + ((x1 - x0) * column) / width, y0 + ((y1 - y0) * row) / height);
  const cells = width * height;
  let path = '';
  let from = 0;
  for (const [i, count] of counts.entries()) {
    const to = Math.min(cells, from + count);
    if (i % 2 === 0) from = to;
    while (from < to) {
      const row = Math.floor(from / width);
      const end = Math.min(to, (row + 1) * width);
      const [left, right] = [from - row * width, end - row * width];
      path += `M${at(left, row)}L${at(right, row)}L${at(right, row + 1)}L${at(left, row + 1)}Z`;
      from = end;
    }
  }
  return path;
}

/** Keypoints below this are guesses. */
const JOINT_CONFIDENCE = 0.3;
/** Pairs of COCO's names. */
const BONES = [
  'left_shoulder right_shoulder',
  'left_shoulder left_elbow',
  'left_elbow left_wrist',
  'right_shoulder right_elbow',
  'right_elbow right_wrist',
  'left_shoulder left_hip',
  'right_shoulder right_hip',
  'left_hip right_hip',
  'left_hip left_knee',
  'left_knee left_ankle',
  'right_hip right_knee',
  'right_knee right_ankle',
].map((pair) => pair.split(' ') as [string, string]);

const HEAD: ReadonlySet<string> = new Set(['nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear']);

function jointsOf({ keypoints = [] }: Detection): readonly { name: string; x: number; y: number }[] {
  return keypoints.filter(({ confidence }) => confidence >= JOINT_CONFIDENCE);
}

/** The middle of a head; null: no point of it is known. */
export function headOf(detection: Detection): { readonly x: number; readonly y: number } | null {
  const points = jointsOf(detection).filter(({ name }) => HEAD.has(name));
  if (points.length === 0) return null;
  const mean = (of: 'x' | 'y'): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  return { x: mean('x'), y: mean('y') };
}

/** Lines between the joints that are known, each as SVG path data in the units of `scaled`. */
export function bonesOf(detection: Detection, scaled: (x: number, y: number) => string): readonly string[] {
  const joints = new Map(jointsOf(detection).map((joint) => [joint.name, joint]));
  return BONES.flatMap(([from, to]) => {
    const a = joints.get(from);
    const b = joints.get(to);
    return a === undefined || b === undefined ? [] : [`M${scaled(a.x, a.y)}L${scaled(b.x, b.y)}`];
  });
}

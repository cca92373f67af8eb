import type { PixelFormat } from '@vigia/contracts';
import type { Geometry } from '#core/media';

/** Corners in order, from the left and from above, in shares of the camera's whole picture. */
export type Outline = readonly (readonly [number, number])[];

/** So many pixels around an outline are black too: scaling mixes neighbours. */
const MARGIN = 1;
/** Black, in limited range; chroma is neutral. */
const BLACK = { packed: 0, luma: 16, chroma: 128 };

/** From a pixel to the one behind the last. */
type Span = readonly [from: number, to: number];

/**
 * What of a rendition nobody may see, as ranges of its bytes. Computed once per geometry; blacking out is filling them.
 */
export class Blackout {
  /** First byte, byte behind the last, value: for each range. */
  readonly #ranges: Int32Array;

  /** @param sourceWidth, sourceHeight Of the camera's whole picture, pixels. */
  constructor(outlines: readonly Outline[], geometry: Geometry, sourceWidth: number, sourceHeight: number) {
    const { content, crop } = geometry;
    const inRendition = outlines.map((outline) =>
      outline.map(([x, y]): [number, number] => [
        content.x + ((x * sourceWidth - crop.x) * content.width) / crop.width,
        content.y + ((y * sourceHeight - crop.y) * content.height) / crop.height,
      ]),
    );
    const rows = Array.from({ length: geometry.height }, (_, y) =>
      merged(
        inRendition.flatMap((outline) => spansOf(outline, y - MARGIN, y + 1 + MARGIN)),
        geometry.width,
      ),
    );
    this.#ranges = Int32Array.from(rangesOf(rows, geometry).flat());
  }

  /** @param pixels A whole rendition. */
  apply(pixels: Buffer): void {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 3)
      pixels.fill(ranges[i + 2] as number, ranges[i] as number, ranges[i + 1] as number);
  }
}

/** Everything that an outline covers anywhere between two heights, inside by the even-odd rule. */
function spansOf(outline: Outline, top: number, bottom: number): Span[] {
  const spans: Span[] = [];
  outline.forEach(([x1, y1], i) => {
    const [x2, y2] = outline[(i + 1) % outline.length] as readonly [number, number];
    const [high, low] = [Math.max(top, Math.min(y1, y2)), Math.min(bottom, Math.max(y1, y2))];
    if (high > low) return;
    const ends = y1 === y2 ? [x1, x2] : [high, low].map((y) => x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
    spans.push([Math.min(...ends), Math.max(...ends)]);
  });
  // Straight up from any point inside is an edge between the heights, or the upper one.
  const crossings = outline
    .flatMap(([x1, y1], i): number[] => {
      const [x2, y2] = outline[(i + 1) % outline.length] as readonly [number, number];
      return y1 > top === y2 > top ? [] : [x1 + ((top - y1) / (y2 - y1)) * (x2 - x1)];
    })
    .sort((a, b) => a - b);
  for (let i = 0; i + 1 < crossings.length; i += 2) spans.push([crossings[i] as number, crossings[i + 1] as number]);
  return spans;
}

/** Whole pixels with a margin, within the rendition, none twice. */
function merged(spans: readonly Span[], width: number): Span[] {
  const whole = spans
    .map(([from, to]): Span => [Math.max(0, Math.floor(from) - MARGIN), Math.min(width, Math.ceil(to) + MARGIN)])
    .filter(([from, to]) => to > from)
    .sort(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [from, to] of whole) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

type Range = readonly [from: number, to: number, value: number];

function rangesOf(rows: readonly (readonly Span[])[], { width, height, format }: Geometry): Range[] {
  if (format !== 'NV12' && format !== 'I420') return planeOf(rows, 0, width, bytesOf(format), BLACK.packed);
  const luma = planeOf(rows, 0, width, 1, BLACK.luma);
  // A chroma sample belongs to four pixels: it is black when one of them is.
  const half = { width: width >> 1, height: height >> 1 };
  const halves = Array.from({ length: half.height }, (_, y) =>
    merged(
      [...(rows[2 * y] ?? []), ...(rows[2 * y + 1] ?? [])].map(
        ([from, to]): Span => [from / 2 + MARGIN, to / 2 - MARGIN],
      ),
      half.width,
    ),
  );
  const at = width * height;
  if (format === 'NV12') return [...luma, ...planeOf(halves, at, half.width, 2, BLACK.chroma)];
  const planes = [at, at + half.width * half.height].map((from) => planeOf(halves, from, half.width, 1, BLACK.chroma));
  return [...luma, ...planes.flat()];
}

function planeOf(rows: readonly (readonly Span[])[], at: number, width: number, bytes: number, value: number): Range[] {
  return rows.flatMap((spans, y) =>
    spans.map(([from, to]): Range => {
      const line = at + y * width * bytes;
      return [line + from * bytes, line + to * bytes, value];
    }),
  );
}

function bytesOf(format: PixelFormat): number {
  return format === 'GRAY8' ? 1 : 3;
}

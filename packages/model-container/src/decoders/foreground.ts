import { type Detection, encodeRunLengths } from '@vigia/contracts';
import { scoreIsNoNumber } from './checked-output.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Settings of a {@link ForegroundDecoder}. */
export interface ForegroundOptions {
  readonly className: string;
  /** Of the output, pixels. */
  readonly width: number;
  /** See {@link width}. */
  readonly height: number;
  /** Least probability of foreground, above 0..1. */
  readonly threshold: number;
  /** Longest side of the mask, cells, at most 256. 128 take up to about 40 KB in a message. */
  readonly grid: number;
  /**
   * Least fraction of the frame that must be foreground, 0..1: less is noise. Default 0.0005, a square of 22 pixels at
   * 1024.
   */
  readonly minArea?: number | undefined;
}

const MIN_AREA = 0.0005;

/** Extent of the foreground, in pixels: `right` and `bottom` are exclusive. */
interface Extent {
  left: number;
  top: number;
  right: number;
  bottom: number;
  pixels: number;
  /** Sum of their probabilities. */
  sum: number;
}

/**
 * Decodes the foreground probability of each pixel into at most one detection with a mask. Reuses its scratch memory;
 * not for concurrent use.
 */
export class ForegroundDecoder {
  readonly #options: ForegroundOptions;
  readonly #sums: Float64Array;
  readonly #sizes: Uint32Array;
  readonly #cells: Uint8Array;
  /** Column of the grid per column of pixels. */
  readonly #columns: Uint8Array;

  constructor(options: ForegroundOptions) {
    this.#options = options;
    this.#sums = new Float64Array(options.grid ** 2);
    this.#sizes = new Uint32Array(options.grid ** 2);
    this.#cells = new Uint8Array(options.grid ** 2);
    this.#columns = new Uint8Array(options.width);
  }

  /**
   * @param probabilities [height, width], 0..1.
   * @returns The box of all pixels above the threshold, their mean probability, and the mask; nothing below the least
   *   area, or when no cell of the mask is inside.
   * @throws VigiaError `inference_failed` for a NaN probability.
   */
  decode(probabilities: Float32Array): Detection[] {
    const extent = this.#measure(probabilities);
    const { width, height, minArea = MIN_AREA, className, grid } = this.#options;
    if (extent.pixels === 0 || extent.pixels < minArea * width * height) return [];
    const [columns, lines] = [Math.min(grid, extent.right - extent.left), Math.min(grid, extent.bottom - extent.top)];
    const counts = this.#mask(probabilities, extent, columns, lines);
    // A single run is outside only: scattered pixels that fill no cell.
    if (counts.length === 1) return [];
    return [
      {
        class_id: 0,
        class_name: className,
        confidence: roundUnit(extent.sum / extent.pixels),
        bbox: [
          roundUnit(extent.left / width),
          roundUnit(extent.top / height),
          roundUnit(extent.right / width),
          roundUnit(extent.bottom / height),
        ],
        mask: { width: columns, height: lines, counts },
      },
    ];
  }

  #measure(probabilities: Float32Array): Extent {
    const { width, height, threshold } = this.#options;
    const extent = { left: width, top: height, right: 0, bottom: 0, pixels: 0, sum: 0 };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = probabilities[y * width + x] ?? Number.NaN;
        // False for NaN, which is thus found without a second test of all background pixels.
        if (value < threshold) continue;
        if (Number.isNaN(value)) throw scoreIsNoNumber();
        if (x < extent.left) extent.left = x;
        if (x >= extent.right) extent.right = x + 1;
        if (y < extent.top) extent.top = y;
        extent.bottom = y + 1;
        extent.pixels += 1;
        extent.sum += Math.min(1, value);
      }
    }
    return extent;
  }

  // A cell is inside by the mean of its pixels, not by their maximum. The mask then covers as much area as the
  // foreground; the maximum would add half a cell on all sides and turn single bright pixels into whole cells.
  #mask(probabilities: Float32Array, extent: Extent, columns: number, lines: number): number[] {
    this.#addUp(probabilities, extent, columns, lines);
    const cells = this.#cells.subarray(0, columns * lines);
    for (let i = 0; i < cells.length; i++) {
      const mean = (this.#sums[i] ?? 0) / (this.#sizes[i] ?? 1);
      cells[i] = mean >= this.#options.threshold ? 1 : 0;
    }
    return encodeRunLengths(cells);
  }

  #addUp(probabilities: Float32Array, extent: Extent, columns: number, lines: number): void {
    this.#sums.fill(0);
    this.#sizes.fill(0);
    const [width, height] = [extent.right - extent.left, extent.bottom - extent.top];
    for (let x = 0; x < width; x++) this.#columns[x] = Math.floor((x * columns) / width);
    for (let y = 0; y < height; y++) {
      const line = Math.floor((y * lines) / height) * columns;
      const start = (extent.top + y) * this.#options.width + extent.left;
      for (let x = 0; x < width; x++) {
        const cell = line + (this.#columns[x] ?? 0);
        this.#sums[cell] = (this.#sums[cell] ?? 0) + clampUnit(probabilities[start + x] ?? 0);
        this.#sizes[cell] = (this.#sizes[cell] ?? 0) + 1;
      }
    }
  }
}

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import type { PixelFormat } from '@vigia/contracts';
import { type FrameShape, FrameSegmentWriter } from '@vigia/frame-supplier';

/** A colour: red, green, blue, 0..255. */
export type Colour = readonly [number, number, number];

/** A picture of one colour, and how it is packed. */
export interface TestPicture {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly bytes: Buffer;
}

interface Plane {
  /** Bytes that repeat along a line. */
  readonly pattern: readonly number[];
  readonly times: number;
  readonly lines: number;
}

/** A tightly packed picture in one colour; chroma is halved, odd sides are rounded up (BT.601, limited range). */
export function packed(format: PixelFormat, width: number, height: number, colour: Colour): TestPicture {
  const lines = planesOf(format, width, height, colour).map(({ pattern, times, lines: count }) =>
    Buffer.alloc(pattern.length * times * count, Uint8Array.from(pattern)),
  );
  return { width, height, format, bytes: Buffer.concat(lines) };
}

/** The mean of all bytes as RGB, 0..1: the bright model's answer. GRAY8 counts for all three channels. */
export function brightness([r, g, b]: Colour): number {
  return (r + g + b) / 3 / 255;
}

function planesOf(format: PixelFormat, width: number, height: number, [r, g, b]: Colour): readonly Plane[] {
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const y = Math.round(16 + 0.256_788 * r + 0.504_129 * g + 0.097_906 * b);
  const u = Math.round(128 - 0.148_223 * r - 0.290_993 * g + 0.439_216 * b);
  const v = Math.round(128 + 0.439_216 * r - 0.367_788 * g - 0.071_427 * b);
  switch (format) {
    case 'RGB24':
      return [{ pattern: [r, g, b], times: width, lines: height }];
    case 'BGR24':
      return [{ pattern: [b, g, r], times: width, lines: height }];
    case 'GRAY8':
      return [{ pattern: [Math.round((r + g + b) / 3)], times: width, lines: height }];
    case 'NV12':
      return [
        { pattern: [y], times: width, lines: height },
        { pattern: [u, v], times: halfWidth, lines: halfHeight },
      ];
    default:
      return [
        { pattern: [y], times: width, lines: height },
        { pattern: [u], times: halfWidth, lines: halfHeight },
        { pattern: [v], times: halfWidth, lines: halfHeight },
      ];
  }
}

/** Shape of a picture in a slot. */
export function shapeOf({ format, width, height, bytes }: TestPicture): FrameShape {
  let offset = 0;
  const planes = planesOf(format, width, height, [0, 0, 0]).map(({ pattern, times, lines }) => {
    const plane = { offset, stride: pattern.length * times };
    offset += plane.stride * lines;
    return plane;
  });
  return { width, height, format, planes, byteLength: bytes.byteLength };
}

/** The members of a request that locate a picture. */
export interface Reference {
  readonly frame_reference: string;
  readonly frame_metadata: Readonly<Record<string, unknown>>;
}

let folders = 0;

/** Files of one subject: a folder outside /dev/shm, and names in /dev/shm. `remove` deletes them all. */
export class FrameFiles {
  /** Outside /dev/shm; passed to containers as an allowed folder. */
  readonly allowed: string = mkdtempSync(join(tmpdir(), 'vigia-conformance-'));
  /** For sockets. */
  readonly sockets: string = mkdtempSync(join(tmpdir(), 'vigia-conformance-'));
  readonly #prefix: string;
  readonly #paths: string[] = [];
  readonly #segments: TestSegment[] = [];

  constructor() {
    folders += 1;
    this.#prefix = `/dev/shm/vigia_conformance_${process.pid}_${folders}_`;
  }

  /** A name in /dev/shm that is removed at the end, with any content. */
  path(name: string): string {
    const path = this.#prefix + name;
    this.#paths.push(path);
    return path;
  }

  /** Writes a picture into a plain file in /dev/shm, or in the allowed folder. */
  plain(picture: TestPicture, frameId: number, path: string = this.path('plain')): Reference {
    // In one step: a container may be reading the file that is replaced.
    writeFileSync(`${path}.new`, picture.bytes);
    renameSync(`${path}.new`, path);
    const { width, height, format } = picture;
    return { frame_reference: path, frame_metadata: { frame_id: frameId, width, height, format } };
  }

  /** A segment in /dev/shm. */
  segment(name: string, slotBytes: number): TestSegment {
    const segment = new TestSegment(this.path(name), slotBytes);
    this.#segments.push(segment);
    return segment;
  }

  /** Removes everything. */
  remove(): void {
    for (const segment of this.#segments) segment.close();
    for (const path of this.#paths) rmSync(path, { recursive: true, force: true });
    for (const folder of [this.allowed, this.sockets]) rmSync(folder, { recursive: true, force: true });
  }
}

/** A frame segment written by tests. */
export class TestSegment {
  readonly writer: FrameSegmentWriter;
  #closed = false;

  constructor(path: string, slotBytes: number) {
    this.writer = FrameSegmentWriter.create({ path, slots: 4, slotBytes, clock: systemClock });
  }

  /** Writes a picture into a slot. */
  put(slot: number, picture: TestPicture, frameId: number): Reference {
    this.writer.begin(slot);
    this.writer.view(slot).set(picture.bytes);
    const stamp = { frameId, capturedMs: 1, capturedWallMs: 0, ptsUs: 0, shape: shapeOf(picture) };
    const generation = this.writer.commit(slot, stamp);
    const { width, height, format } = picture;
    return {
      frame_reference: this.writer.path,
      frame_metadata: {
        frame_id: frameId,
        width,
        height,
        format,
        slot,
        generation: String(generation),
        epoch: String(this.writer.epoch),
        strides: shapeOf(picture).planes.map(({ stride }) => stride),
      },
    };
  }

  /** Closes it and removes its file. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.writer.close();
  }
}

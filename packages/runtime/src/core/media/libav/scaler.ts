import { VigiaError } from '@vigia/base';
import { packedBytes, packedStrides, type PixelFormat } from '@vigia/contracts';
import {
  AV_PIX_FMT_BGR24,
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  SWS_FAST_BILINEAR,
} from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import type { Geometry } from '#core/media';
import { Blackout, type Outline } from './blackout.ts';
import type { Picture } from './picture.ts';
import { type PlaneLayout, PLANE_LAYOUTS } from './pixel-formats.ts';

/** libav's number of each format that a rendition may have. */
const TARGETS: Readonly<Record<PixelFormat, number>> = {
  RGB24: AV_PIX_FMT_RGB24,
  BGR24: AV_PIX_FMT_BGR24,
  GRAY8: AV_PIX_FMT_GRAY8,
  NV12: AV_PIX_FMT_NV12,
  I420: AV_PIX_FMT_YUV420P,
};
/** The chroma value of grey. */
const NEUTRAL = 128;
/**
 * libav writes lines in steps of up to so many samples, past the end of a line whose length is no multiple of it, into the
 * memory behind. (36 bytes of RGB24 were seen behind the last of 164 pixels.)
 */
const STEP = 32;
/** So many bytes behind a rendition let libav write its last line, too. See {@link FrameScaler.scale}. */
export const SCALE_ROOM: number = 3 * STEP;

/** One plane of the rendition, in the caller's buffer. */
interface TargetPlane {
  readonly offset: number;
  readonly stride: number;
  readonly bytes: number;
  readonly layout: PlaneLayout;
  /** Where the content of its first line begins, its bytes in a line, its lines, and how much libav may write past a line. */
  readonly begin: number;
  readonly lineBytes: number;
  readonly lines: number;
  readonly past: number;
}

/** Memory for one rendition of content, with lines as libav wants them. */
interface Scratch {
  readonly planes: readonly Buffer[];
  readonly strides: readonly number[];
}

/** A picture of libav that whole pictures are scaled into. */
interface Kept extends Scratch {
  readonly frame: Frame;
}

/**
 * Crops, scales and converts pictures into a caller's buffer in one pass, and blacks out what nobody may see. All pixels of a
 * camera leave its process through here. Keeps one context while the source's geometry stays the same. libav trusts sizes, so
 * this class checks them.
 */
export class FrameScaler {
  #context: SoftwareScaleContext | undefined;
  #key = '';
  #targets: readonly TargetPlane[] = [];
  #strides: number[] = [];
  #bytes = 0;
  /** As long as the geometry is the same; its memory serves later ones, too. */
  #scratch: Scratch | undefined;
  #scratchMemory: Buffer = Buffer.alloc(0);
  /** The same for whole pictures. */
  #kept: Kept | undefined;
  readonly #privacy: readonly Outline[];
  #blackout: { readonly key: string; readonly of: Blackout } | undefined;

  /** @param privacy Outlines of what is blacked out, in shares of the camera's whole picture. */
  constructor(privacy: readonly Outline[]) {
    this.#privacy = privacy;
  }

  /**
   * Fills `into` with the rendition that `geometry` describes, tightly packed. Blocks for 0.3 ms (768×576 → 300×300) to
   * 1 ms (4K).
   *
   * @param into At least as large as the rendition. Where a line of it is no multiple of 32 pixels, a buffer with `SCALE_ROOM` bytes more
   *   spares a copy; they are overwritten.
   * @throws VigiaError `scale` when a buffer is too small or the picture's format is not supported.
   */
  scale(picture: Picture, geometry: Geometry, into: Buffer): void {
    const { frame } = picture;
    const { crop, content, width, height } = geometry;
    if (!PLANE_LAYOUTS.has(frame.format))
      throw new VigiaError('scale', `pixel format ${frame.format} of the camera is not supported`);
    this.#configure(frame.format, geometry);
    if (into.byteLength < this.#bytes)
      throw new VigiaError('scale', `a buffer of ${into.byteLength} bytes for ${width}×${height} ${geometry.format}`);
    if (content.width !== width || content.height !== height) this.#pad(geometry, into);
    const isWhole = crop.x === 0 && crop.y === 0 && crop.width === frame.width && crop.height === frame.height;
    if (isWhole) this.#scaleWhole(frame, geometry, into);
    else this.#scalePart(frame, geometry, into);
    if (this.#privacy.length > 0) this.#blackoutOf(picture, geometry).apply(into);
  }

  /**
   * From libav's memory into libav's memory, and from there line by line. Planes of the picture as Buffers would be 3 MB each that the
   * collector of V8 counts as its own: it then collects everything, every 22 pictures of 1080p.
   */
  #scaleWhole(frame: Frame, geometry: Geometry, into: Buffer): void {
    const kept = this.#keptFor(geometry);
    const result = this.#context?.scaleFrameSync(kept.frame, frame) ?? -1;
    const { width, height } = geometry.content;
    if (result < 0) throw new VigiaError('scale', `scaling to ${width}×${height} failed (${result})`);
    this.#copy(kept, into);
  }

  #scalePart(frame: Frame, geometry: Geometry, into: Buffer): void {
    const { crop, content, height } = geometry;
    const { linesize, data } = frame;
    if (!data) throw new VigiaError('scale', 'the picture was freed');
    const source = cropPlanes(frame.format, data, linesize, crop);
    const scratch = this.#canWriteTo(geometry, into) ? undefined : this.#scratchFor();
    const targets = scratch ? [...scratch.planes] : this.#targets.map(({ begin }) => into.subarray(begin));
    const strides = scratch ? [...scratch.strides] : this.#strides;
    const rows = this.#context?.scaleSync(source, linesize, 0, crop.height, targets, strides) ?? -1;
    if (rows !== content.height)
      throw new VigiaError('scale', `scaling to ${content.width}×${content.height} gave ${rows} lines`);
    if (scratch) this.#copy(scratch, into);
    else if (content.height !== height) this.#mend(geometry, into);
  }

  /** Frees the context. Idempotent. */
  close(): void {
    this.#context?.freeContext();
    this.#context = undefined;
    this.#key = '';
    this.#kept?.frame.free();
    this.#kept = undefined;
  }

  /**
   * Whether what libav writes past a line is overwritten by the next line, and past the last one goes into padding or behind the
   * rendition.
   */
  #canWriteTo({ content, width }: Geometry, into: Buffer): boolean {
    if (this.#targets.every(({ past }) => past === 0)) return true;
    const [target, ...more] = this.#targets;
    if (!target || more.length > 0 || content.width !== width) return false;
    return endOf(target) + target.past <= into.byteLength;
  }

  /** The padding below, where libav wrote past the last line. */
  #mend({ padding }: Geometry, into: Buffer): void {
    for (const target of this.#targets) {
      const end = endOf(target);
      if (target.past > 0) into.fill(padding, end, Math.min(end + target.past, target.offset + target.bytes));
    }
  }

  #keptFor({ content: { width, height }, format }: Geometry): Kept {
    if (this.#kept) return this.#kept;
    const frame = new Frame();
    frame.alloc();
    frame.width = width;
    frame.height = height;
    frame.format = TARGETS[format] as never;
    const result = frame.allocBuffer();
    const planes = frame.data;
    if (result < 0 || !planes) throw new VigiaError('scale', `no memory for ${width}×${height} ${format} (${result})`);
    this.#kept = { frame, planes, strides: frame.linesize };
    return this.#kept;
  }

  #scratchFor(): Scratch {
    if (this.#scratch) return this.#scratch;
    const strides = this.#targets.map(({ lineBytes, past }) => lineBytes + past);
    const sizes = this.#targets.map(({ lines }, i) => lines * (strides[i] as number));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#scratchMemory.byteLength < bytes) this.#scratchMemory = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    const planes = sizes.map((size) => this.#scratchMemory.subarray(at, (at += size)));
    this.#scratch = { planes, strides };
    return this.#scratch;
  }

  #copy({ planes, strides }: Scratch, into: Buffer): void {
    this.#targets.forEach(({ begin, stride, lineBytes, lines }, i) => {
      const from = strides[i] as number;
      for (let line = 0; line < lines; line += 1)
        planes[i]?.copy(into, begin + line * stride, line * from, line * from + lineBytes);
    });
  }

  /** Second looks have another geometry each time, all others the same. */
  #blackoutOf({ width, height }: Picture, geometry: Geometry): Blackout {
    const { crop, content } = geometry;
    const key = `${width} ${height} ${crop.x} ${crop.y} ${content.x} ${content.y} ${this.#key}`;
    if (this.#blackout?.key !== key) this.#blackout = { key, of: new Blackout(this.#privacy, geometry, width, height) };
    return this.#blackout.of;
  }

  /** The chroma planes of 4:2:0 are neutral, regardless of the padding's grey value. */
  #pad({ padding, format }: Geometry, into: Buffer): void {
    const planar = format === 'NV12' || format === 'I420';
    this.#targets.forEach(({ offset, bytes }, i) => {
      into.fill(planar && i > 0 ? NEUTRAL : padding, offset, offset + bytes);
    });
  }

  #configure(sourceFormat: number, { crop, content, width, height, format }: Geometry): void {
    const key = `${sourceFormat} ${crop.width} ${crop.height} ${content.x} ${content.y} ${content.width} ${content.height} ${width} ${height} ${format}`;
    if (key === this.#key) return;
    this.#context?.freeContext();
    this.#context = new SoftwareScaleContext();
    this.#context.getContext(
      crop.width,
      crop.height,
      sourceFormat as never,
      content.width,
      content.height,
      TARGETS[format] as never,
      SWS_FAST_BILINEAR,
    );
    this.#targets = targetsOf(format, width, height, content);
    this.#scratch = undefined;
    this.#kept?.frame.free();
    this.#kept = undefined;
    this.#strides = this.#targets.map((plane) => plane.stride);
    this.#bytes = packedBytes(format, width, height);
    this.#key = key;
  }
}

function targetsOf(format: PixelFormat, width: number, height: number, content: Geometry['content']): TargetPlane[] {
  const layouts = PLANE_LAYOUTS.get(TARGETS[format]) ?? [];
  let offset = 0;
  return packedStrides(format, width).map((stride, i) => {
    const layout = layouts[i] as PlaneLayout;
    const { bytes: sample, xShift, yShift } = layout;
    const bytes = stride * (height >> yShift);
    const samples = (content.width + (1 << xShift) - 1) >> xShift;
    const plane = {
      offset,
      stride,
      bytes,
      layout,
      begin: offset + (content.y >> yShift) * stride + (content.x >> xShift) * sample,
      lineBytes: samples * sample,
      lines: (content.height + (1 << yShift) - 1) >> yShift,
      past: (Math.ceil(samples / STEP) * STEP - samples) * sample,
    };
    offset += bytes;
    return plane;
  });
}

/** Behind the last line of the content. */
function endOf({ begin, stride, lines, lineBytes }: TargetPlane): number {
  return begin + (lines - 1) * stride + lineBytes;
}

/** The planes, beginning at the corner of the crop. @param crop Even `x` and `y`. */
function cropPlanes(format: number, planes: Buffer[], linesize: number[], crop: { x: number; y: number }): Buffer[] {
  const layouts = PLANE_LAYOUTS.get(format) ?? [];
  const { x, y } = crop;
  if (x === 0 && y === 0) return planes;
  return layouts.map(({ bytes, xShift, yShift }, i) => {
    const source = planes[i];
    if (!source) throw new VigiaError('scale', 'the picture was freed');
    return source.subarray((y >> yShift) * (linesize[i] ?? 0) + (x >> xShift) * bytes);
  });
}

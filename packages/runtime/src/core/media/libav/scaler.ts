import { VigiaError } from '@vigia/base';
import { AV_PIX_FMT_RGB24, SWS_FAST_BILINEAR } from 'node-av/constants';
import { SoftwareScaleContext } from 'node-av/lib';
import type { Geometry } from '#core/media';
import type { Picture } from './picture.ts';
import { PLANE_LAYOUTS } from './pixel-formats.ts';

/**
 * Crops, scales and converts pictures to RGB24 straight into a caller's buffer, in one pass. One context, reused while
 * the source's geometry stays the same. Sizes are trusted by libav, so they are checked here.
 */
export class RgbScaler {
  #context: SoftwareScaleContext | undefined;
  #key = '';

  /**
   * Fills `into` with the picture as `geometry` says. Blocks for 0.3 ms (768×576 → 300×300) to 1 ms (4K).
   *
   * @param into At least width × height × 3 bytes of the rendition.
   * @throws VigiaError `scale` when a buffer is too small or the picture's format is none that cameras send.
   */
  scale(picture: Picture, geometry: Geometry, into: Buffer): void {
    const { frame } = picture;
    const { crop, content, width, height } = geometry;
    const planes = frame.data;
    const { linesize } = frame;
    if (!planes || into.byteLength < width * height * 3)
      throw new VigiaError('scale', `a buffer of ${into.byteLength} bytes for ${width}×${height} RGB24`);
    this.#configure(frame.format, geometry);
    const source = cropPlanes(frame.format, planes, linesize, crop);
    const stride = width * 3;
    if (content.width !== width || content.height !== height) into.fill(geometry.padding, 0, stride * height);
    const target = into.subarray(content.y * stride + content.x * 3);
    const rows = this.#context?.scaleSync(source, linesize, 0, crop.height, [target], [stride]) ?? -1;
    if (rows !== content.height)
      throw new VigiaError('scale', `scaling to ${content.width}×${content.height} gave ${rows} lines`);
  }

  /** Frees the context. Idempotent. */
  close(): void {
    this.#context?.freeContext();
    this.#context = undefined;
    this.#key = '';
  }

  #configure(format: number, { crop, content }: Geometry): void {
    const key = `${format} ${crop.width} ${crop.height} ${content.width} ${content.height}`;
    if (key === this.#key) return;
    this.#context?.freeContext();
    this.#context = new SoftwareScaleContext();
    this.#context.getContext(
      crop.width,
      crop.height,
      format as never,
      content.width,
      content.height,
      AV_PIX_FMT_RGB24,
      SWS_FAST_BILINEAR,
    );
    this.#key = key;
  }
}

/** The planes from the crop's corner on. @param crop Even `x` and `y`. */
function cropPlanes(format: number, planes: Buffer[], linesize: number[], crop: { x: number; y: number }): Buffer[] {
  const layouts = PLANE_LAYOUTS.get(format);
  if (!layouts) throw new VigiaError('scale', `pixel format ${format} of the camera is not supported`);
  const { x, y } = crop;
  if (x === 0 && y === 0) return planes;
  return layouts.map(({ bytes, xShift, yShift }, i) => {
    const source = planes[i];
    if (!source) throw new VigiaError('scale', 'the picture was freed');
    return source.subarray((y >> yShift) * (linesize[i] ?? 0) + (x >> xShift) * bytes);
  });
}

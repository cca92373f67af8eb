/**
 * The only place that reaches into the runtime: parts of it are measured and soaked by themselves, and the package offers
 * no door to them because nobody else should.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Picture } from '@vigia/runtime/dist/core/media/libav/index.js';

export { geometryOf, WHOLE } from '@vigia/runtime/dist/core/media/index.js';
export { H264Decoder, RgbScaler } from '@vigia/runtime/dist/core/media/libav/index.js';
export { RtspClient } from '@vigia/runtime/dist/core/media/rtsp/index.js';
export { Picture };

/** A picture of libav's, in native memory. */
export type NativeFrame = ConstructorParameters<typeof Picture>[0];

const resolveFromRuntime = createRequire(import.meta.resolve('@vigia/runtime/dist/main.js')).resolve;

/** From the library that the runtime has, wherever it is installed. */
async function libav(part: 'lib' | 'constants'): Promise<Readonly<Record<string, unknown>>> {
  return import(pathToFileURL(resolveFromRuntime(`node-av/${part}`)).href);
}

const NativeFrameClass = (await libav('lib'))['Frame'] as new () => NativeFrame;
const NV12 = (await libav('constants'))['AV_PIX_FMT_NV12'] as NativeFrame['format'];

/** A frame in NV12 with a buffer of its own, not painted. @throws Error when there is no memory for it. */
export function allocateNv12(width: number, height: number): NativeFrame {
  const frame = new NativeFrameClass();
  frame.alloc();
  frame.format = NV12;
  frame.width = width;
  frame.height = height;
  if (frame.getBuffer() < 0) throw new Error(`no memory for a picture of ${width}×${height}`);
  return frame;
}

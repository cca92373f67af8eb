/**
 * The only file that imports internals of the runtime: benchmarks and soak tests use parts of it directly, and the
 * package does not export them because no other code should.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Picture, VideoDecoder } from '@vigia/runtime/dist/core/media/libav/index.js';

export { BUNDLES, currentBundle } from '@vigia/runtime/dist/bundle.js';
export { geometryOf, WHOLE } from '@vigia/runtime/dist/core/media/index.js';
export { parseFootagePath, readSegment, type Segment } from '@vigia/runtime/dist/core/footage/index.js';
export { HEADROOM_BYTES } from '@vigia/runtime/dist/core/footage-link/index.js';
export { FrameScaler } from '@vigia/runtime/dist/core/media/libav/index.js';
export { RtspClient } from '@vigia/runtime/dist/core/media/rtsp/index.js';
export { ContainerClient, ModelConsumer } from '@vigia/runtime/dist/services/inference/index.js';
export { DECODE_ALL, Renditions, StreamCapture } from '@vigia/runtime/dist/services/stream-capture/index.js';
export { encodeSnapshot } from '@vigia/runtime/dist/services/snapshot/index.js';
export { NodeEvents } from '@vigia/runtime/dist/node/events/index.js';
export { BrokerLink } from '@vigia/runtime/dist/node/broker-link.js';
export { NodeStore } from '@vigia/runtime/dist/services/store/index.js';
export { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
export { askJson, askLogs, askStatus } from '@vigia/runtime/dist/cli/node-answers.js';
export { askNode } from '@vigia/runtime/dist/services/control-client/index.js';
export { believedControlSocket, killWorkerGroups, lockNode, nodeIn } from '@vigia/runtime/dist/core/node-dirs/index.js';
export { readClip } from '@vigia/runtime/dist/rehearsal/clip-pictures.js';
export { Eyes } from '@vigia/runtime/dist/rehearsal/eyes.js';
export { parseConfig } from '@vigia/runtime/dist/node/config/index.js';
export { CommandDesk, MqttLink } from '@vigia/runtime/dist/services/mqtt/index.js';
export { WorkerLog } from '@vigia/runtime/dist/services/workers/worker-log.js';
export { WorkerMessages } from '@vigia/runtime/dist/services/workers/worker-messages.js';
export { filesIn, takeOut } from '@vigia/model-container/dist/model-store/index.js';
export { convertGraphModel } from '@vigia/model-container/dist/conversion/index.js';
export { Tracer } from '@vigia/runtime/dist/services/tracing/index.js';
export { newProcessConsumer } from '@vigia/runtime/dist/services/workers/index.js';
export { Picture };

/** A picture of libav, in native memory. */
export type NativeFrame = ConstructorParameters<typeof Picture>[0];

const resolveFromRuntime = createRequire(import.meta.resolve('@vigia/runtime/dist/main.js')).resolve;

/** SQLite as the store uses it, without the store. */
export interface BareDatabase {
  exec(sql: string): void;
  prepare(sql: string): { all(...values: readonly unknown[]): unknown[] };
  close(): void;
}

/** Opens a file. */
export async function openBareDatabase(path: string): Promise<BareDatabase> {
  const module = (await import(pathToFileURL(resolveFromRuntime('libsql')).href)) as {
    default: new (path: string) => BareDatabase;
  };
  return new module.default(path);
}

/** The runtime's own library, wherever it is installed. */
async function libav(part: 'lib' | 'constants'): Promise<Readonly<Record<string, unknown>>> {
  return import(pathToFileURL(resolveFromRuntime(`node-av/${part}`)).href);
}

const NativeFrameClass = (await libav('lib'))['Frame'] as new () => NativeFrame;
const FORMATS = await libav('constants');

/** An unpainted NV12 frame with its own buffer. @throws Error when there is no memory for it. */
export function allocateNv12(width: number, height: number): NativeFrame {
  return allocate(width, height, 'AV_PIX_FMT_NV12');
}

/** The same in planar YUV 4:2:0. */
export function allocateYuv420(width: number, height: number): NativeFrame {
  return allocate(width, height, 'AV_PIX_FMT_YUV420P');
}

function allocate(width: number, height: number, format: string): NativeFrame {
  const frame = new NativeFrameClass();
  frame.alloc();
  frame.format = FORMATS[format] as NativeFrame['format'];
  frame.width = width;
  frame.height = height;
  if (frame.getBuffer() < 0) throw new Error(`no memory for a picture of ${width}×${height}`);
  return frame;
}

/** Decodes H.264 on one thread, like a camera process by default. */
export function newDecoder(onPicture: (frame: NativeFrame, decoder: VideoDecoder) => void): VideoDecoder {
  const decoder: VideoDecoder = new VideoDecoder({
    format: { codec: 'h264', extradata: undefined, raw: undefined },
    threads: 1,
    skipLoopFilter: false,
    hardware: 'none',
    onFallback: () => undefined,
    onPicture: (frame) => onPicture(frame, decoder),
  });
  return decoder;
}

/** Decodes a clip on one thread, whole; gives each picture with the id of its unit, for as long as the call lasts. */
export function newClipDecoder(
  codec: 'h264' | 'h265',
  extradata: Buffer,
  onPicture: (frame: NativeFrame, unitId: number) => void,
): VideoDecoder {
  const decoder: VideoDecoder = new VideoDecoder({
    format: { codec: codec === 'h264' ? 'h264' : 'hevc', extradata, raw: undefined },
    threads: 1,
    skipLoopFilter: false,
    hardware: 'none',
    onFallback: () => undefined,
    onPicture: (frame, unitId) => {
      onPicture(frame, unitId);
      decoder.recycle(frame);
    },
  });
  return decoder;
}

// Decodes a clip at full speed into slots of a segment, in a process of its own. Arguments: ours|pipe CLIP WIDTH HEIGHT
// PASSES. Prints one JSON line.
import { spawn } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { SHM_DIR, systemClock } from '@vigia/base';
import { FrameSegmentWriter, SlotRing } from '@vigia/frame-supplier';
import { loadClip } from '@vigia/testkit';
import {
  allocateYuv420,
  geometryOf,
  newDecoder,
  type NativeFrame,
  Picture,
  FrameScaler,
  WHOLE,
} from '../support/runtime-internals.ts';

const [mode = '', clip = '', width = '0', height = '0', passes = '1'] = process.argv.slice(2);
const SIDE = 300;
/** Units. */
const WARM_UP = 60;
const SHAPE = {
  width: SIDE,
  height: SIDE,
  format: 'RGB24',
  planes: [{ offset: 0, stride: SIDE * 3 }],
  byteLength: SIDE * SIDE * 3,
} as const;

const writer = FrameSegmentWriter.create({
  path: `${SHM_DIR}/vigia_bench${process.pid}_frames_decode_300x300`,
  slots: 4,
  slotBytes: SHAPE.byteLength,
  clock: systemClock,
});
const ring = new SlotRing(writer);
const scaler = new FrameScaler([]);
const geometry = geometryOf(Number(width), Number(height), WHOLE, {
  width: SIDE,
  height: SIDE,
  fit: 'stretch',
  format: 'RGB24',
});
const stalls = monitorEventLoopDelay({ resolution: 1 });
let frames = 0;

/** One picture into one slot: the cost of a consumer's frame. */
function render(picture: Picture): void {
  const lease = ring.write((pixels) => scaler.scale(picture, geometry, pixels), {
    frameId: (frames += 1),
    capturedMs: 0,
    capturedWallMs: 0,
    ptsUs: 0,
    shape: SHAPE,
  });
  lease?.release();
}

const NO_STAMPS = { capturedMs: 0, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };

/** Access units as from a camera's connection, decoded and scaled as in a camera process. */
async function ours(): Promise<number> {
  const loaded = await loadClip(clip);
  const units = loaded.units.map((unit) => annexB(unit.keyframe ? [...loaded.parameterSets, ...unit.nals] : unit.nals));
  const decoder = newDecoder((frame, from) => {
    const picture = new Picture(frame, NO_STAMPS, (freed) => from.recycle(freed));
    render(picture);
    picture.release();
  });
  // Compiled before the measurement starts, as ffmpeg is.
  for (const [i, unit] of units.slice(0, WARM_UP).entries()) decoder.decode(unit, i);
  frames = 0;
  stalls.enable();
  const startedMs = systemClock.nowMs();
  for (let pass = 0; pass < Number(passes); pass += 1) {
    for (const [i, unit] of units.entries()) {
      decoder.decode(unit, i);
      // The loop turns after each unit, as it does when they arrive one by one.
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
  const tookMs = systemClock.nowMs() - startedMs;
  decoder.close();
  return tookMs;
}

/** The usual way: ffmpeg decodes in its own process and writes raw pictures into a pipe that Node reads. */
async function pipe(): Promise<number> {
  const frame = allocateYuv420(Number(width), Number(height));
  const planes = planesOf(frame);
  let plane = 0;
  let at = 0;
  stalls.enable();
  const startedMs = systemClock.nowMs();
  const line = `-loglevel error -stream_loop ${Number(passes) - 1} -threads 1 -i ${clip} -f rawvideo -pix_fmt yuv420p -`;
  const child = spawn('ffmpeg', line.split(' '), { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    for (let from = 0; from < chunk.byteLength; ) {
      const target = planes[plane] as Buffer;
      const taken = chunk.copy(target, at, from, Math.min(chunk.byteLength, from + target.byteLength - at));
      from += taken;
      at += taken;
      if (at < target.byteLength) continue;
      at = 0;
      plane = (plane + 1) % planes.length;
      if (plane > 0) continue;
      const picture = new Picture(frame, NO_STAMPS, () => undefined);
      render(picture);
      picture.release();
    }
  }
  return systemClock.nowMs() - startedMs;
}

/** The number of bytes that the pipe carries per picture. */
function planesOf(frame: NativeFrame): Buffer[] {
  const [y, u, v] = frame.data ?? [];
  const luma = Number(width) * Number(height);
  if (!y || !u || !v || frame.linesize[0] !== Number(width)) throw new Error('a frame with padded lines');
  return [y.subarray(0, luma), u.subarray(0, luma / 4), v.subarray(0, luma / 4)];
}

function annexB(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
}

const tookMs = await (mode === 'ours' ? ours() : pipe());
stalls.disable();
writer.close();
process.stdout.write(`${JSON.stringify({ frames, tookMs, stallP99Ms: stalls.percentile(99) / 1e6 })}\n`);
process.exit(0);

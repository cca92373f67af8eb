// Clips for tests: the committed footage, and small ones made of nothing.
import { fileURLToPath } from 'node:url';
import type { AccessUnit, Clip } from '../src/simulated-camera/media/index.ts';

/** 20 s, 768×576, 10 fps, H.264 without B-frames, a keyframe every 2 s. */
export const FOOTAGE: string = fileURLToPath(new URL('../../runtime/assets/pedestrians.mp4', import.meta.url));

/** Shape of a made-up clip. */
export interface FakeClipShape {
  readonly units?: number;
  readonly keyframeEvery?: number;
  readonly intervalTicks?: number;
  /** Showing order is that of two B-frames between others. */
  readonly bFrames?: boolean;
  readonly unitBytes?: number;
}

/** A clip of zeros with proper NAL unit headers: 10 fps unless told otherwise. */
export function fakeClip(shape: FakeClipShape = {}): Clip {
  const { units: count = 6, keyframeEvery = 3, intervalTicks = 9000, bFrames = false, unitBytes = 50 } = shape;
  // Intervals from sending to showing. Sent I P B B P B B, shown I B B P B B P.
  const delays = [3, 0, 0];
  const units = Array.from({ length: count }, (_, index): AccessUnit => {
    const keyframe = index % keyframeEvery === 0;
    const dtsTicks = index * intervalTicks;
    const delay = bFrames ? (index === 0 ? 1 : (delays[(index - 1) % 3] ?? 0)) : 0;
    const nal = Buffer.alloc(unitBytes, index + 1);
    nal[0] = keyframe ? 0x65 : 0x41;
    return { index, nals: [nal], keyframe, dtsTicks, ptsTicks: dtsTicks + delay * intervalTicks };
  });
  return {
    path: 'fake.mp4',
    codec: 'h264',
    width: 64,
    height: 48,
    fps: 90_000 / intervalTicks,
    units,
    parameterSets: [Buffer.from('674d401fd9', 'hex'), Buffer.from('68e9732c', 'hex')],
    periodTicks: count * intervalTicks,
    reorderTicks: Math.max(...units.map((unit) => unit.ptsTicks - unit.dtsTicks)),
    bytes: count * unitBytes,
  };
}

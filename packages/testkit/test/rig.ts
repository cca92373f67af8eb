// A simulated camera and a client of it, closed after each test of the file that imports this.
import { FakeClock } from '@vigia/base';
import { afterEach } from 'vitest';
import type { CameraNotice } from '../src/simulated-camera/notices.ts';
import type { SimulatedCameraOptions } from '../src/simulated-camera/options.ts';
import { SimulatedCamera } from '../src/simulated-camera/simulated-camera.ts';
import { fakeClip } from './clips.ts';
import { RtspClient } from './rtsp-client.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** A camera on the test's own clock, and a client of it. */
export interface Rig {
  readonly cam: SimulatedCamera;
  readonly clock: FakeClock;
  readonly rtsp: RtspClient;
  /** Resolves with the next such notice. */
  readonly notice: (type: CameraNotice['type']) => Promise<CameraNotice>;
}

/** A camera with a clock and a client, closed after the test. */
export async function rig(options: Partial<SimulatedCameraOptions> = {}): Promise<Rig> {
  const clock = new FakeClock();
  const waiting: { type: CameraNotice['type']; resolve: (notice: CameraNotice) => void }[] = [];
  const onNotice = (notice: CameraNotice): void => {
    const at = waiting.findIndex(({ type }) => type === notice.type);
    if (at >= 0) waiting.splice(at, 1)[0]?.resolve(notice);
  };
  const cam = await camera({ clock, seed: 7, onNotice, ...options });
  const notice = (type: CameraNotice['type']): Promise<CameraNotice> =>
    new Promise((resolve) => waiting.push({ type, resolve }));
  return { cam, clock, rtsp: await client(cam), notice };
}

/** A camera on the real clock unless `options` say otherwise, closed after the test. */
export async function camera(options: Partial<SimulatedCameraOptions> = {}): Promise<SimulatedCamera> {
  const started = await SimulatedCamera.start({ clip: fakeClip(), ...options });
  open.push(started);
  return started;
}

/** One more client of a camera. */
export async function client(cam: SimulatedCamera): Promise<RtspClient> {
  const connected = await RtspClient.connect(cam.port);
  open.push(connected);
  return connected;
}

/** Signed distance of two RTP times, -2^31..2^31. */
export function ticksBetween(before: number, after: number): number {
  return ((after - before + 3 * 2 ** 31) % 2 ** 32) - 2 ** 31;
}

/** Units are sent by the test, with the clip's own times. */
export const lockStep = { pacing: 'lock-step', lockStepTime: 'clip' } as const;

/** Returns 11, 22, 33, …: known values for identifiers. */
export function counting(): () => number {
  let last = 0;
  return () => {
    last += 11;
    return last;
  };
}

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clip, type SentUnit, SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import type { SoakRun } from '../soak-run.ts';

const run = promisify(execFile);

/** A unit that a camera sent. */
export interface Sent {
  /** Its mark: nanoseconds of the monotonic clock, which the unit itself has in a message. */
  readonly mark: bigint;
  /** The same in milliseconds. */
  readonly atMs: number;
  readonly keyframe: boolean;
  /** Of the camera's session. */
  readonly session: string;
  readonly index: number;
  /** As on the wire: 90 kHz, 32 bits. */
  readonly rtpTime: number;
}

/** A simulated camera in this process that keeps a list of the units it sent. */
export class RecordedCamera {
  readonly id: string;
  readonly camera: SimulatedCamera;
  readonly sent: Sent[];

  private constructor(id: string, camera: SimulatedCamera, sent: Sent[]) {
    this.id = id;
    this.camera = camera;
    this.sent = sent;
  }

  /** Starts one; it closes with the run. Sessions join its own round at the next keyframe, as with a real camera. */
  static async start(
    { scope }: SoakRun,
    id: string,
    clip: string | Clip,
    options: Omit<SimulatedCameraOptions, 'clip' | 'onUnitSent'> = {},
  ): Promise<RecordedCamera> {
    const sent: Sent[] = [];
    const onUnitSent = (unit: SentUnit): void => {
      const { sentMonotonicNs: mark, keyframe, sessionId: session, index, rtpTime } = unit;
      sent.push({ mark, atMs: Number(mark) / 1e6, keyframe, session, index, rtpTime });
    };
    const camera = await SimulatedCamera.start({ startAtKeyframe: 'next', ...options, clip, onUnitSent });
    scope.defer(() => camera.close());
    return new RecordedCamera(id, camera, sent);
  }
}

/** How a clip is made. */
export interface ClipSpec {
  readonly codec?: 'h264' | 'h265';
  readonly fps?: number;
  /** Pictures between two keyframes. */
  readonly gop?: number;
  readonly bFrames?: number;
  readonly seconds?: number;
  readonly size?: string;
  readonly aac?: boolean;
  /** An effect on its pictures, in ffmpeg's words. */
  readonly filter?: string;
}

/** Encodes a clip with ffmpeg. @returns its path. */
export async function makeClip(dir: string, name: string, spec: ClipSpec = {}): Promise<string> {
  const { codec = 'h264', fps = 15, gop = fps, bFrames = 0, seconds = 4, size = '320x180', aac, filter } = spec;
  const path = join(dir, `${name}.mp4`);
  const params = `keyint=${gop}:min-keyint=${gop}:scenecut=0:bframes=${bFrames}:b-adapt=0:open-gop=0`;
  const encoder =
    codec === 'h264'
      ? ['-c:v', 'libx264', '-preset', 'ultrafast', '-x264-params', params]
      : ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', `log-level=none:${params}`];
  const sound = aac ? ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'] : [];
  const source = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${fps}`, ...sound];
  const effect = filter === undefined ? [] : ['-vf', filter];
  const outputs = ['-t', String(seconds), ...effect, '-pix_fmt', 'yuv420p', ...(aac ? ['-c:a', 'aac'] : [])];
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...source, ...encoder, ...outputs, path]);
  return path;
}

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { clipOf, PEDESTRIANS } from './clips.ts';

const PROGRAM = fileURLToPath(new URL('./arrival-program.js', import.meta.url));

/** Results of the program: milliseconds from sending to the picture, and from starting to the first one. */
export interface ArrivalSample {
  readonly delaysMs: readonly number[];
  readonly firstMs: number;
}

/** Send → decoded picture: our RTSP client and libav's demuxer, alternating, from the same camera. */
export async function measureArrival(run: BenchRun, rounds: number): Promise<Table> {
  const streams = [PEDESTRIANS, await clipOf(run, '1080p30')];
  run.progress(`send → picture, ours and libav's demuxer by turns, ${rounds} rounds of ${run.seconds} s`);
  const rows: string[][] = [];
  for (const clip of streams) {
    const camera = await CameraFork.start(run, { clip: clip.path });
    const ours: ArrivalSample[] = [];
    const libav: ArrivalSample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await sample(run, 'ours', camera.url));
      libav.push(await sample(run, 'libav', camera.url));
    }
    await camera.close();
    const of = (samples: ArrivalSample[], q: number): number =>
      quantile(
        samples.flatMap((s) => s.delaysMs),
        q,
      );
    const first = (samples: ArrivalSample[]): number =>
      quantile(
        samples.map((s) => s.firstMs),
        0.5,
      );
    rows.push([
      clip.name,
      ...[ours, libav].flatMap((samples) => [ms(of(samples, 0.5)), ms(of(samples, 0.99)), ms(first(samples))]),
      (of(ours, 0.5) / of(libav, 0.5)).toFixed(3),
    ]);
  }
  return {
    title: 'Send → picture, ms: our RTSP client and libav’s demuxer in front of the same decoder',
    columns: ['stream', 'ours p50', 'p99', 'first', 'libav p50', 'p99', 'first', 'ours/libav p50'],
    rows,
    notes: [
      'aim: ours/libav ≤ 0.2; libav opens without stream analysis and with nobuffer off, its fastest settings that lose no keyframe',
      'first: from opening to the first picture; the camera begins with a keyframe at once',
    ],
  };
}

function sample(run: BenchRun, way: 'ours' | 'libav', url: string): Promise<ArrivalSample> {
  return new Promise((resolve, reject) => {
    const child = fork(PROGRAM, [way, url, String(run.seconds)], { execArgv: [], signal: run.signal });
    child.once('message', (message) => resolve(message as ArrivalSample));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the receiver ended with ${code}`)));
  });
}

// Cameras that always have a frame: each one on its own connection sends want, receives a grant, refers to a slot of
// its ring, and sends want again at once: the next grant comes after the answer. Argument: JSON {socketPath, modelId,
// cameras, seconds, picture}. Prints {answers, ms, inferenceMs, queueMs (means), perCamera}.
import { systemClock } from '@vigia/base';
import { FrameSegmentWriter } from '@vigia/frame-supplier';
import { readFileSync } from 'node:fs';
import { SIDE, SQUARE, SQUARE_BYTES } from '../support/rgb-square.ts';
import { BenchPeer } from './peer.ts';

const { socketPath, modelId, cameras, seconds, picture } = JSON.parse(process.argv[2] ?? '') as {
  readonly socketPath: string;
  readonly modelId: string;
  readonly cameras: number;
  readonly seconds: number;
  /** Packed RGB24, 300×300. */
  readonly picture: string;
};
const WARM_UP_MS = 1_000;
const pixels = readFileSync(picture);
const counts: number[] = Array.from({ length: cameras }, () => 0);
let inferenceMs = 0;
let queueMs = 0;
let measuring = false;
let wrong: string | undefined;

/** A ring with one picture in it. */
function ring(camera: number): { readonly writer: FrameSegmentWriter; readonly metadata: object } {
  const path = `/dev/shm/vigia_bench${process.pid}_frames_c${camera}`;
  const writer = FrameSegmentWriter.create({ path, slots: 4, slotBytes: SQUARE_BYTES, clock: systemClock });
  writer.begin(0);
  writer.view(0).set(pixels);
  const generation = writer.commit(0, { frameId: 1, capturedMs: 1, capturedWallMs: 1, ptsUs: 0, shape: SQUARE });
  const slot = { slot: 0, generation: String(generation), epoch: String(writer.epoch) };
  return { writer, metadata: { frame_id: 1, width: SIDE, height: SIDE, format: 'RGB24', ...slot } };
}

async function feed(camera: number, until: () => boolean): Promise<void> {
  const { writer, metadata } = ring(camera);
  const peer = await BenchPeer.open(socketPath);
  const who = { model_id: modelId, camera_id: `c${camera}` };
  try {
    const want = (): ReturnType<BenchPeer['ask']> => peer.ask({ op: 'want', ...who, consumer: 'bench' });
    let wanted = want();
    while (!until()) {
      const { id } = ((await wanted)['grant'] ?? {}) as { id?: string };
      const request = { ...who, timestamp: 0, frame_reference: writer.path, frame_metadata: metadata, grant: id };
      const answered = peer.ask(request);
      wanted = want();
      const answer = await answered;
      if (answer['error']) wrong = JSON.stringify(answer['error']);
      else if (measuring) {
        counts[camera] = (counts[camera] ?? 0) + 1;
        const { inference_time_ms, queue_ms } = answer['metadata'] as { inference_time_ms: number; queue_ms: number };
        inferenceMs += inference_time_ms;
        queueMs += queue_ms;
      }
    }
  } finally {
    peer.close();
    writer.close();
  }
}

let over = false;
const feeding = counts.map((_, camera) => feed(camera, () => over));
await new Promise<void>((resolve) => void systemClock.after(WARM_UP_MS, resolve));
measuring = true;
const startMs = systemClock.nowMs();
await new Promise<void>((resolve) => void systemClock.after(seconds * 1000, resolve));
measuring = false;
const ms = systemClock.nowMs() - startMs;
over = true;
await Promise.all(feeding);
if (wrong !== undefined) throw new Error(wrong);
const answers = counts.reduce((a, b) => a + b);
process.stdout.write(
  JSON.stringify({ answers, ms, inferenceMs: inferenceMs / answers, queueMs: queueMs / answers, perCamera: counts }),
);

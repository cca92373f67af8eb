// A camera as in most pipelines: every frame is scaled and put into an ordinary FIFO queue in front of the model.
// Capture, renditions and container are vigia's own. Argument: JSON. Sends its parent every answer.
import { connect } from 'node:net';
import { createLog, encodeJson, FrameDecoder, Scope, systemClock } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import { FrameSegmentWriter } from '@vigia/frame-supplier';
import { SIDE, SQUARE, SQUARE_BYTES } from '../support/rgb-square.ts';
import {
  DECODE_ALL,
  geometryOf,
  type Picture,
  FrameScaler,
  StreamCapture,
  WHOLE,
} from '../support/runtime-internals.ts';

interface Setup {
  readonly id: number;
  readonly source: string;
  readonly socketPath: string;
  readonly modelId: string;
}

/** One waiting frame. */
interface Queued {
  readonly slot: number;
  readonly generation: number;
  readonly frameId: number;
  readonly capturedMs: number;
}

const INPUT = { width: SIDE, height: SIDE, fit: 'stretch', format: 'RGB24' } as const;
/** Most frames in the queue; further ones are lost. Some seconds of any source: usual limits are longer. */
const LENGTH = 256;

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const clock = systemClock;
const scope = new Scope();
const path = `/dev/shm/vigia_bench${process.pid}_frames_q${setup.id}`;
// One slot more than can wait: the one being analysed.
const writer = FrameSegmentWriter.create({ path, slots: LENGTH + 1, slotBytes: SQUARE_BYTES, clock });
const scaler = new FrameScaler([]);
const queue: Queued[] = [];
const free = Array.from({ length: LENGTH + 1 }, (_, slot) => slot);
let asked: Queued | undefined;
let frames = 0;
let lost = 0;

const socket = connect(setup.socketPath);
const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
socket.on('data', (chunk: Buffer) => {
  for (const payload of decoder.push(chunk)) {
    const answer = JSON.parse(payload.toString('utf8')) as { readonly error: { readonly code: string } | null };
    const done = asked;
    asked = undefined;
    if (!done) continue;
    free.push(done.slot);
    const nowMs = clock.nowMs();
    process.send?.({ atMs: nowMs, ageMs: nowMs - done.capturedMs, error: answer.error?.code ?? null, lost });
    next();
  }
});

function next(): void {
  const first = asked ? undefined : queue.shift();
  if (!first) return;
  asked = first;
  const slot = { slot: first.slot, generation: String(first.generation), epoch: String(writer.epoch) };
  const frame = { frame_id: first.frameId, width: SIDE, height: SIDE, format: 'RGB24', ...slot };
  const who = { model_id: setup.modelId, camera_id: `q${setup.id}`, timestamp: 0 };
  socket.write(encodeJson({ ...who, frame_reference: path, frame_metadata: frame }));
}

function enqueue(picture: Picture): void {
  const slot = queue.length < LENGTH ? free.shift() : undefined;
  if (slot === undefined) {
    lost += 1;
    return;
  }
  frames += 1;
  writer.begin(slot);
  scaler.scale(picture, geometryOf(picture.width, picture.height, WHOLE, INPUT), writer.view(slot));
  const { capturedMs } = picture;
  const generation = writer.commit(slot, { frameId: frames, capturedMs, capturedWallMs: 1, ptsUs: 0, shape: SQUARE });
  queue.push({ slot, generation, frameId: frames, capturedMs });
  next();
}

const capture = new StreamCapture({
  url: setup.source,
  clock,
  log: createLog('bench', () => undefined),
  sink: {
    publish: (picture) => {
      enqueue(picture);
      picture.release();
    },
    hasDemand: () => true,
  },
  decode: DECODE_ALL,
  onState: () => undefined,
});
scope.defer(() => writer.close());
capture.start();
for (const event of ['disconnect', 'SIGTERM'] as const) process.on(event, () => process.exit(0));
process.on('exit', () => writer.close());

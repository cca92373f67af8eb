/**
 * `on_event`: the seconds before an event are in its clip, each time. A worker sees a person at a random moment; the clip from
 * ten seconds before its frame until after it is fetched over the API, and must have each unit that the camera sent in this
 * time, the one of ten seconds before too. What was sent long before an event must not be recorded.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { seededRandom32 } from '@vigia/testkit';
import { ms, quantile } from '../support/numbers.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { repositoryFile } from './child.ts';
import { marksIn, recordedIn } from './recordings/files.ts';
import { makeClip, RecordedCamera, type Sent } from './recordings/recorded-camera.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const WORKER = repositoryFile('bench/soak/recordings/witness-worker.mjs');
const FPS = 15;
const FINISH_MS = 20_000;
const LIMIT_MS = 30_000;
/** Per form: cameras, events of each, and the seconds that are kept before and after one. */
const FORMS = {
  long: { cameras: 8, events: 13, beforeS: 10, afterS: 2 },
  short: { cameras: 2, events: 1, beforeS: 4, afterS: 1 },
} as const;
/** From an event to the next one of its camera: sometimes the seconds before it are those after the last one. Milliseconds. */
const PAUSE_MS = { least: 1_500, most: 15_000 } as const;
/** A picture is captured and sent within so much of its time in the recording. Milliseconds. */
const FRAME_MS = 1_000 / FPS;
/** A group of pictures, which a recording begins with, and what waits for the footage process. Milliseconds. */
const GROUP_MS = 1_000;
const CLIP_MS = 8_000;
/** Overrides the random seed. */
const SEED_VARIABLE = 'VIGIA_SOAK_SEED';

/** What became of one event. Wall times, milliseconds. */
interface Witnessed {
  readonly camera: string;
  readonly atMs: number;
  /** Of the seconds from before it until after it. */
  readonly sent: number;
  readonly missing: number;
  /** The picture of so many seconds before it is in the clip. */
  readonly hasFirst: boolean;
  /** From the event until its clip was whole. */
  readonly readyMs: number;
}

/** The cameras, a node that records their events, and what is known of its clocks. */
class Stage {
  readonly #run: SoakRun;
  readonly #orders: string;
  readonly #node: VigiaNode;
  readonly #form: (typeof FORMS)[keyof typeof FORMS];
  /** Wall time of the monotonic zero: nobody sets the clock meanwhile. */
  readonly #zeroMs = systemClock.wallMs() - systemClock.nowMs();

  constructor(run: SoakRun, node: VigiaNode, orders: string) {
    this.#run = run;
    this.#node = node;
    this.#orders = orders;
    this.#form = FORMS[run.short ? 'short' : 'long'];
  }

  /** Every recorder is ready, and remembers what an event may need. */
  async ready(cameras: readonly RecordedCamera[]): Promise<void> {
    await this.#node.okResults(
      cameras.map(({ id }) => id),
      1,
    );
    await sleep(systemClock, this.#form.beforeS * 1000 + 2 * GROUP_MS, this.#run.signal);
  }

  /** One event after another, of one camera. */
  async play(camera: RecordedCamera, random: () => number): Promise<Witnessed[]> {
    const seen: Witnessed[] = [];
    for (let event = 0; event < this.#form.events; event += 1) {
      await sleep(systemClock, PAUSE_MS.least + random() * (PAUSE_MS.most - PAUSE_MS.least), this.#run.signal);
      seen.push(await this.#event(camera));
    }
    return seen;
  }

  async #event(camera: RecordedCamera): Promise<Witnessed> {
    const { beforeS, afterS } = this.#form;
    const from = this.#node.lines.length;
    writeFileSync(join(this.#orders, camera.id), '');
    const { line } = await this.#node.line(
      `a person at ${camera.id}`,
      from,
      (one) => one.type === 'result' && one.camera === camera.id && (one.detections?.length ?? 0) > 0,
    );
    const atMs = line.type === 'result' ? Date.parse(line.captured_at) : Number.NaN;
    const [fromMs, toMs] = [atMs - beforeS * 1000, atMs + afterS * 1000];
    await sleep(systemClock, Math.max(0, toMs - systemClock.wallMs()), this.#run.signal);
    // A frame's length at both ends is not judged: times in a recording are exact to a frame.
    const sent = this.#sent(camera, fromMs + FRAME_MS, toMs - FRAME_MS);
    for (const endMs = systemClock.nowMs() + CLIP_MS; ; ) {
      const clip = await this.#clip(camera.id, fromMs, toMs);
      const missing = sent.filter(({ mark }) => !clip.has(mark)).length;
      const readyMs = systemClock.wallMs() - toMs;
      const hasFirst = sent[0] !== undefined && clip.has(sent[0].mark);
      if (missing === 0 || systemClock.nowMs() > endMs)
        return { camera: camera.id, atMs, sent: sent.length, missing, hasFirst, readyMs };
      await sleep(systemClock, 100, this.#run.signal);
    }
  }

  /** The judge must notice pictures that are not in a clip: here those of the seconds before it. */
  async control(camera: RecordedCamera, { atMs }: Witnessed): Promise<string[]> {
    const sent = this.#sent(camera, atMs - this.#form.beforeS * 1000 + FRAME_MS, atMs);
    const clip = await this.#clip(camera.id, atMs, atMs + 500);
    const noticed = clip.size > 0 && sent[0] !== undefined && !clip.has(sent[0].mark);
    return noticed ? [] : ['control: a clip without the seconds before the event was not noticed'];
  }

  /** Units that a camera sent between two wall times. */
  #sent({ sent }: RecordedCamera, fromMs: number, toMs: number): Sent[] {
    return sent.filter(({ atMs }) => atMs + this.#zeroMs >= fromMs && atMs + this.#zeroMs <= toMs);
  }

  /** Marks of the units in a clip. */
  async #clip(camera: string, fromMs: number, toMs: number): Promise<ReadonlySet<bigint>> {
    const [from, to] = [fromMs, toMs].map((at) => new Date(at).toISOString());
    const path = `/api/v1/recordings/${camera}/clip.mp4?from=${from}&to=${to}`;
    return new Set(marksIn(await bytesOf(join(this.#node.runDir, 'control.sock'), path)));
  }

  /** Units of before the first event that are recorded though no event is near. */
  async strays(cameras: readonly RecordedCamera[], events: readonly Witnessed[], footage: string): Promise<number[]> {
    const files = await recordedIn(footage);
    return cameras.map((camera) => {
      const first = Math.min(...events.filter(({ camera: id }) => id === camera.id).map(({ atMs }) => atMs));
      const early = this.#sent(camera, 0, first - this.#form.beforeS * 1000 - 2 * GROUP_MS);
      const marks = new Set(files.filter(({ camera: id }) => id === camera.id).flatMap((file) => file.marks));
      if (early.length === 0) throw new Error(`${camera.id} sent nothing before its first event`);
      return early.filter(({ mark }) => marks.has(mark)).length;
    });
  }
}

/** The body of an answer; empty when there is no footage of this time yet. */
function bytesOf(socketPath: string, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: LIMIT_MS }, (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.once('error', reject);
      reply.on('end', () => resolve(reply.statusCode === 200 ? Buffer.concat(parts) : Buffer.alloc(0)));
    });
    asked.on('timeout', () => asked.destroy(new Error(`${path}: no answer`)));
    asked.on('error', reject);
    asked.end();
  });
}

function startNode(run: SoakRun, cameras: readonly RecordedCamera[], footage: string, orders: string): VigiaNode {
  const { beforeS, afterS } = FORMS[run.short ? 'short' : 'long'];
  const top = `workers:
  witness:
    command: [${process.execPath}, ${WORKER}]
    input: { format: GRAY8, width: 64, height: 36 }
    options: { dir: ${orders} }
storage: { path: ${footage}, min_free: 1MB }
`;
  return VigiaNode.start(
    { ...run, seconds: 0 },
    Object.fromEntries(cameras.map(({ id, camera }) => [id, camera.url])),
    '{ witness: { worker: witness } }',
    `record: { mode: on_event, before: ${beforeS}s, after: ${afterS}s, on: [person] }`,
    { models: '', top },
  );
}

await runSoak('recording-events', async (run): Promise<SoakResult> => {
  const seed = Number(process.env[SEED_VARIABLE] ?? randomInt(2 ** 31));
  run.progress(`seed ${seed} (${SEED_VARIABLE} sets it)`);
  const form = FORMS[run.short ? 'short' : 'long'];
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-events-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const [footage, orders] = [join(dir, 'footage'), join(dir, 'orders')];
  for (const folder of [footage, orders]) mkdirSync(folder);
  const clip = await makeClip(dir, 'clip', { fps: FPS });
  const cameras: RecordedCamera[] = [];
  for (let i = 0; i < form.cameras; i += 1)
    cameras.push(await RecordedCamera.start(run, `room-${i + 1}`, cameras[0]?.camera.clip ?? clip));
  const node = startNode(run, cameras, footage, orders);
  const stage = new Stage(run, node, orders);
  await stage.ready(cameras);
  const random32 = seededRandom32(seed);
  const events = (await Promise.all(cameras.map((camera) => stage.play(camera, () => random32() / 2 ** 32)))).flat();
  const control = await stage.control(cameras[0] as RecordedCamera, events[0] as Witnessed);
  await node.finish(FINISH_MS);
  const strays = await stage.strays(cameras, events, footage);
  const failures = [
    ...control,
    ...events.flatMap(({ camera, atMs, sent, missing, hasFirst }) => {
      const of = `the clip of ${camera} at ${new Date(atMs).toISOString()}`;
      return [
        ...(missing > 0 ? [`${of}: ${missing} of ${sent} units are missing`] : []),
        ...(hasFirst ? [] : [`${of}: the picture of ${form.beforeS} s before is missing`]),
      ];
    }),
    ...strays.flatMap((count, i) => (count > 0 ? [`${cameras[i]?.id}: ${count} units without an event`] : [])),
  ];
  const ready = events.map(({ readyMs }) => readyMs);
  return {
    tables: [
      {
        title: `${events.length} events at ${cameras.length} cameras at ${FPS} frames/s, ${form.beforeS} s before and ${form.afterS} s after, seed ${seed}`,
        columns: ['events', 'picture before is there', 'units in clips', 'missing', 'clip whole after p50, ms', 'most'],
        rows: [
          [
            events.length,
            events.filter(({ hasFirst }) => hasFirst).length,
            events.reduce((sum, { sent }) => sum + sent, 0),
            events.reduce((sum, { missing }) => sum + missing, 0),
            ms(quantile(ready, 0.5)),
            ms(quantile(ready, 1)),
          ].map(String),
        ],
        notes: [
          `picture before: sent ${form.beforeS} s before the capture of the frame in which a worker saw a person`,
          'clip whole after: from the end of what is kept after the event until its clip, fetched again and again, has all units',
        ],
      },
    ],
    failures,
  };
});

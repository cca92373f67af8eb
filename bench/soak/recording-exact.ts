/**
 * Recordings are what cameras sent: unit by unit, NAL unit by NAL unit, sound too, read back with ffprobe. The time of each
 * picture is that of its capture, and the same that a consumer's result of this picture has.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { ms, quantile } from '../support/numbers.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { repositoryFile } from './child.ts';
import { type ExactCase, type ExactVerdict, judgeExact } from './recordings/exact-case.ts';
import { type Recorded, recordedIn } from './recordings/files.ts';
import { makeClip, RecordedCamera, type Sent } from './recordings/recorded-camera.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** It ends in a second or two; the machine may be busy. */
const FINISH_MS = 20_000;
const WORKER = repositoryFile('bench/soak/recordings/echo-worker.mjs');
const SECONDS = { long: 60, short: 6 } as const;
const LIMIT_MS = 30_000;
/** What waits before it is written: units that are sent in the last moments may still be on their way. Milliseconds. */
const LAST_MS = 1_000;

const CASES: readonly ExactCase[] = [
  { id: 'h264-15-aac', clip: { fps: 15, aac: true }, audio: 'aac', short: true },
  { id: 'h264-30-b-pcma', clip: { fps: 30, bFrames: 2 }, audio: 'pcma', short: true },
  { id: 'h265-10-b', clip: { codec: 'h265', fps: 10, bFrames: 2 }, short: true },
  { id: 'h264-1', clip: { fps: 1, gop: 2, seconds: 10 } },
  { id: 'h264-60', clip: { fps: 60 } },
  { id: 'h265-25-pcmu', clip: { codec: 'h265', fps: 25 }, audio: 'pcmu' },
  { id: 'h265-30-b-aac', clip: { codec: 'h265', fps: 30, bFrames: 3, aac: true }, audio: 'aac' },
  { id: 'h264-5-long-gop', clip: { fps: 5, gop: 40, seconds: 16 } },
];

async function startAll(run: SoakRun, dir: string, cases: readonly ExactCase[]): Promise<Map<string, RecordedCamera>> {
  const cameras = new Map<string, RecordedCamera>();
  for (const { id, clip, audio } of cases) {
    const path = await makeClip(dir, id, clip);
    const options = { startAtKeyframe: 'immediately' as const, ...(audio ? { audio } : {}) };
    cameras.set(id, await RecordedCamera.start(run, id, path, options));
  }
  return cameras;
}

function startNode(
  { signal, scope, progress }: SoakRun,
  footage: string,
  cameras: ReadonlyMap<string, RecordedCamera>,
): VigiaNode {
  mkdirSync(footage);
  const top = `workers:
  echo: { command: [${process.execPath}, ${WORKER}], input: { format: GRAY8, width: 64, height: 36 } }
storage: { path: ${footage}, min_free: 1MB }
`;
  return VigiaNode.start(
    { signal, scope, seconds: 0, progress },
    Object.fromEntries([...cameras].map(([id, { camera }]) => [id, camera.url])),
    '{ echo: { worker: echo } }',
    'record: { mode: always }',
    { models: '', top },
  );
}

/** One bit of one picture is another: the judge must see it. */
async function controlled(
  one: ExactCase,
  camera: RecordedCamera,
  files: readonly Recorded[],
  results: Parameters<typeof judgeExact>[3],
  untilMs: number,
): Promise<string[]> {
  const nal = camera.camera.clip.units[camera.sent[2]?.index ?? 2]?.nals[0] as Buffer;
  const at = nal.byteLength >> 1;
  nal[at] = (nal[at] as number) ^ 1;
  const { different } = await judgeExact(one, camera, files, results, untilMs);
  nal[at] ^= 1;
  const late = files.map((file) => ({ ...file, fromMs: file.fromMs + 1_000 / one.clip.fps }));
  const { wrong } = await judgeExact(one, camera, late, results, untilMs);
  const moved = camera.sent[9] as Sent;
  camera.sent[9] = { ...moved, rtpTime: moved.rtpTime - Math.round(90_000 / one.clip.fps) };
  const { wrong: alone } = await judgeExact(one, camera, files, results, untilMs);
  camera.sent[9] = moved;
  return [
    ...(different > 0 ? [] : ['control: another bit in a picture was not noticed']),
    ...(wrong.some((text) => text.includes('from their time'))
      ? []
      : ['control: a recording that is a frame late was not noticed']),
    ...(alone.some((text) => text.includes('within their segment'))
      ? []
      : ['control: one picture that is a frame late was not noticed']),
  ];
}

function rowOf(
  { id }: ExactCase,
  { pictures, missing, different, errorsMs, resultErrorsMs, sounds, wrong }: ExactVerdict,
): string[] {
  const spread = (errors: readonly number[]): string[] =>
    [quantile(errors.map(Math.abs), 0.5), quantile(errors.map(Math.abs), 1)].map(ms);
  const cells = [
    id,
    pictures,
    missing,
    different,
    sounds,
    ...spread(errorsMs),
    resultErrorsMs.length,
    ...spread(resultErrorsMs),
  ];
  return [...cells.map(String), wrong.length === 0 ? 'held' : 'NOT'];
}

await runSoak('recording-exact', async (run): Promise<SoakResult> => {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-exact-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const cases = CASES.filter(({ short, id }) =>
    run.only.length > 0 ? run.only.some((part) => id.includes(part)) : !run.short || short,
  );
  const cameras = await startAll(run, dir, cases);
  const footage = join(dir, 'footage');
  const node = startNode(run, footage, cameras);
  await node.okResults([...cameras.keys()], 1);
  await node.until(
    'recordings',
    () => [...cameras.values()].every(({ sent }) => sent.length > 0) || undefined,
    LIMIT_MS,
  );
  await sleep(systemClock, SECONDS[run.short ? 'short' : 'long'] * 1000, run.signal);
  const untilMs = systemClock.nowMs() - LAST_MS;
  const results = node.results().map(({ result }) => result);
  await node.finish(FINISH_MS);
  const files = await recordedIn(footage);
  const verdicts: ExactVerdict[] = [];
  const controls: string[] = [];
  for (const [i, one] of cases.entries()) {
    run.progress(`${one.id} is judged`);
    const camera = cameras.get(one.id) as RecordedCamera;
    const own = files.filter((file) => file.camera === one.id);
    const seen = results.filter((result) => result.camera === one.id);
    verdicts.push(await judgeExact(one, camera, own, seen, untilMs));
    if (i === 0) controls.push(...(await controlled(one, camera, own, seen, untilMs)));
  }
  return {
    tables: [
      {
        title: `${cases.length} cameras, ${SECONDS[run.short ? 'short' : 'long']} s`,
        columns: [
          'camera',
          'pictures',
          'missing',
          'different',
          'sound',
          'time p50, ms',
          'most',
          'results',
          'against captured_at p50, ms',
          'most',
          'verdict',
        ],
        rows: cases.map((one, i) => rowOf(one, verdicts[i] as ExactVerdict)),
        notes: [
          'time: of each picture in the recording, against its capture in the camera; at most half a frame or 25 ms is allowed, and within a segment 2 ms',
          'results: of a worker, for pictures that are recorded; the time of the recording against captured_at',
        ],
      },
    ],
    failures: [...verdicts.flatMap(({ wrong }) => wrong), ...controls],
  };
});

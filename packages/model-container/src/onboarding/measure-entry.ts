import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { compareWithGolden, type FrameJob, ThreadRunner } from '#inference';
import { MODEL_FILES, readManifest } from '#manifest';
import { GOLDEN_TOLERANCE } from '#model-store';
import type { MeasureReport } from './measurement.ts';

// Entry of the measuring process: `node measure-entry.js DIR LARGEST`. The model's folder is complete but for what is found
// out here; its golden picture is the frame that is looked at, over and over.

const SIZES = [1, 2, 4];
const MOST_RUNS = 100;
/** Of one size, unless that were fewer than {@link LEAST_RUNS}. */
const ENOUGH_MS = 3_000;
const LEAST_RUNS = 5;
/** Before what counts, unless they take long: then the first one is as good as any. */
const WARM_UP_RUNS = 3;
const WARM_UP_MS = 300;

const report = (message: MeasureReport): void => {
  process.send?.(message);
};
process.once('disconnect', () => process.exit(1));

/** VmHWM of proc(5). */
function peakMib(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
}

/** Looks at so many pictures at once. @throws VigiaError for any that failed. */
async function look(
  runner: ThreadRunner,
  job: FrameJob,
  size: number,
): Promise<{ ms: number; seen: (readonly Detection[])[] }> {
  const { results, inferenceMs } = await runner.run(Array.from({ length: size }, () => job));
  const seen = results.map((result) => {
    if (result.status === 'ok') return result.detections;
    throw new VigiaError(result.code, result.message);
  });
  return { ms: inferenceMs, seen };
}

async function measureSize(runner: ThreadRunner, job: FrameJob, size: number): Promise<void> {
  for (let runs = 0, totalMs = 0; runs < WARM_UP_RUNS && totalMs < WARM_UP_MS; runs += 1) {
    totalMs += (await look(runner, job, size)).ms;
  }
  const runsMs: number[] = [];
  for (let totalMs = 0; runsMs.length < MOST_RUNS && (totalMs < ENOUGH_MS || runsMs.length < LEAST_RUNS); ) {
    const { ms } = await look(runner, job, size);
    runsMs.push(ms);
    totalMs += ms;
  }
  report({ type: 'batch', size, runsMs, peakMib: peakMib() });
}

/** A graph may have an open batch and be written for one picture all the same: then it fails, or sees something else. */
async function refusal(
  runner: ThreadRunner,
  job: FrameJob,
  size: number,
  threshold: number,
): Promise<string | undefined> {
  try {
    const {
      seen: [alone = []],
    } = await look(runner, job, 1);
    const golden = { file: '', sha256: '', detections: alone, ...GOLDEN_TOLERANCE };
    const { seen } = await look(runner, job, size);
    const problem = seen.map((detections) => compareWithGolden(detections, golden, threshold)).find(Boolean);
    return problem && `it does not see what it sees one by one (${problem})`;
  } catch (error) {
    return messageOf(error);
  }
}

const [dir = '', largest = '1'] = process.argv.slice(2);
try {
  const { decoder, frame, input } = await readManifest(dir);
  const { width, height } = frame ?? input;
  const runner = await ThreadRunner.start({
    worker: {
      model: { source: { kind: 'folder', dir }, threads: 1, provider: 'cpu', maxBatch: Number(largest) },
      allowDirs: [dir],
    },
    onDeath: (reason) => {
      report({ type: 'failed', code: 'measurement', message: `the model is gone: ${reason}` });
    },
  });
  const job: FrameJob = {
    connection: 1,
    request: {
      frame_reference: join(dir, MODEL_FILES.golden),
      frame_metadata: { frame_id: 1, width, height, format: 'RGB24' },
    },
  };
  const threshold = 'score_threshold' in decoder ? decoder.score_threshold : 0;
  for (const size of SIZES.filter((candidate) => candidate <= Number(largest))) {
    const why = size > 1 ? await refusal(runner, job, size, threshold) : undefined;
    if (why) {
      report({ type: 'refused', size, why });
      break;
    }
    await measureSize(runner, job, size);
  }
  report({ type: 'done' });
} catch (error) {
  report({ type: 'failed', code: codeOf(error) ?? 'measurement', message: messageOf(error) });
}

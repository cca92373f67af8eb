import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { compareWithGolden, type FrameJob, ThreadRunner, thresholdOf } from '#inference';
import { MODEL_FILES, readManifest } from '#manifest';
import { GOLDEN_TOLERANCE } from '#model-store';
import { differentPictures } from './different-pictures.ts';
import type { MeasureReport } from './measurement.ts';

// Entry of the measuring process: `node measure-entry.js DIR LARGEST`. The model's folder is complete except for the
// measurements; its golden picture is the input of every run.

const SIZES = [1, 2, 4];
const MOST_RUNS = 100;
/** Duration of measuring one batch size, unless that gives fewer than {@link LEAST_RUNS} runs. */
const ENOUGH_MS = 3_000;
const LEAST_RUNS = 3;
/** Warm-up runs, unless they take long: then the first run is as good as any. */
const WARM_UP_RUNS = 3;
const WARM_UP_MS = 300;

const report = (message: MeasureReport): void => {
  process.send?.(message);
};
process.once('disconnect', () => process.exit(1));
// A terminal sends it to the whole group; the parent ends this process.
process.on('SIGINT', () => undefined);

/** VmHWM of proc(5). */
function peakMib(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
}

/** Runs frames in one batch. @throws VigiaError for any that failed. */
async function look(
  runner: ThreadRunner,
  jobs: readonly FrameJob[],
): Promise<{ ms: number; seen: (readonly Detection[])[] }> {
  const { results, inferenceMs } = await runner.run(jobs);
  const seen = results.map((result) => {
    if (result.status === 'ok') return result.detections;
    throw new VigiaError(result.code, result.message);
  });
  if (seen.length !== jobs.length)
    throw new VigiaError('inference_failed', `${seen.length} results for ${jobs.length} pictures`);
  return { ms: inferenceMs, seen };
}

/** @param warmMs How long a batch of this size has run before. */
async function measureSize(runner: ThreadRunner, job: FrameJob, size: number, warmMs: number): Promise<void> {
  const jobs = Array.from({ length: size }, () => job);
  for (let runs = 0, totalMs = warmMs; runs < WARM_UP_RUNS && totalMs < WARM_UP_MS; runs += 1) {
    totalMs += (await look(runner, jobs)).ms;
  }
  const runsMs: number[] = [];
  for (let totalMs = 0; runsMs.length < MOST_RUNS && (totalMs < ENOUGH_MS || runsMs.length < LEAST_RUNS); ) {
    const { ms } = await look(runner, jobs);
    runsMs.push(ms);
    totalMs += ms;
  }
  report({ type: 'batch', size, runsMs, peakMib: peakMib() });
}

/**
 * A graph with an open batch may still be written for one frame: it fails, returns something else, or the same for all
 * rows. Hence each row gets a different picture, and is compared with the result of that picture alone.
 *
 * @param alone The results of each picture alone, as far as they are known; extended here.
 */
async function tryBatch(
  runner: ThreadRunner,
  jobs: readonly FrameJob[],
  alone: (readonly Detection[])[],
  threshold: number,
): Promise<{ readonly ms: number } | { readonly why: string }> {
  try {
    const { seen, ms } = await look(runner, jobs);
    for (const [row, job] of jobs.entries()) {
      alone[row] ??= (await look(runner, [job])).seen[0] ?? [];
      const golden = { file: '', sha256: '', detections: alone[row], ...GOLDEN_TOLERANCE };
      const problem = compareWithGolden(seen[row] ?? [], golden, threshold);
      if (problem) return { why: `it does not see what it sees one by one (picture ${row + 1}: ${problem})` };
    }
    return { ms };
  } catch (error) {
    return { why: messageOf(error) };
  }
}

const [dir = '', largest = '1'] = process.argv.slice(2);
/** Lies in the folder under construction, which is discarded if this process dies. */
const picturesDir = join(dir, 'batch-check');
const removePictures = (): void => rmSync(picturesDir, { recursive: true, force: true });
try {
  const { decoder, frame, input } = await readManifest(dir);
  const { width, height } = frame ?? input;
  const jobOf = (path: string, frame_id: number): FrameJob => ({
    connection: 1,
    request: { frame_reference: path, frame_metadata: { frame_id, width, height, format: 'RGB24' } },
  });
  const golden = join(dir, MODEL_FILES.golden);
  mkdirSync(picturesDir);
  const jobs = differentPictures(readFileSync(golden), width, height).map((pixels, i) => {
    const path = join(picturesDir, `${i}.rgb`);
    writeFileSync(path, pixels);
    return jobOf(path, i);
  });
  const runner = await ThreadRunner.start({
    worker: {
      model: { source: { kind: 'folder', dir }, threads: 1, provider: 'cpu', maxBatch: Number(largest) },
      allowDirs: [dir],
    },
    onDeath: (reason) => {
      report({ type: 'failed', code: 'measurement', message: `the model is gone: ${reason}` });
    },
  });
  const alone: (readonly Detection[])[] = [];
  for (const size of SIZES.filter((candidate) => candidate <= Number(largest))) {
    const tried = size > 1 ? await tryBatch(runner, jobs.slice(0, size), alone, thresholdOf(decoder)) : { ms: 0 };
    if ('why' in tried) {
      report({ type: 'refused', size, why: tried.why });
      break;
    }
    await measureSize(runner, jobOf(golden, 0), size, tried.ms);
  }
  removePictures();
  report({ type: 'done' });
} catch (error) {
  removePictures();
  report({ type: 'failed', code: codeOf(error) ?? 'measurement', message: messageOf(error) });
}

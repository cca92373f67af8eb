import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { compareWithGolden, lookAt } from '#inference';
import { frameOf, MODEL_FILES, type ModelManifest } from '#manifest';
import { openModel } from '#model';
import { GOLDEN_TOLERANCE, writeDurably } from '#model-store';
import { describeDetections, readGoldenPicture } from './golden-picture.ts';
import { type InspectOptions, PLAIN, replaceManifest } from './inspection.ts';
import { checkScoreRange } from './score-range.ts';

/** More lines than this about one picture are of no use. */
const SHOWN_DETECTIONS = 20;

/**
 * Runs the whole model on a picture; the detections become the ones expected at every start.
 *
 * @throws UsageError for a picture that cannot be read; VigiaError `model_unsuitable`, `model_load`.
 */
export async function prove(
  draft: ModelManifest,
  dir: string,
  { golden, tell }: InspectOptions,
): Promise<ModelManifest> {
  const frame = frameOf(draft);
  const picture = await readGoldenPicture(golden, frame);
  await writeDurably(join(dir, MODEL_FILES.golden), picture.pixels);
  await replaceManifest(dir, draft);
  await checkScoreRange(dir, draft, picture.pixels);
  const { detections, inferenceMs } = await lookTwice(dir, picture.pixels);
  tell(`golden picture ${picture.name}: ${detections.length} seen, ${inferenceMs.toFixed(1)} ms`);
  const lines = describeDetections(detections, frame, picture);
  for (const line of lines.slice(0, SHOWN_DETECTIONS)) tell(`  ${line}`);
  if (lines.length > SHOWN_DETECTIONS) tell(`  and ${lines.length - SHOWN_DETECTIONS} more`);
  if (lines.length === 0)
    tell(
      '  nothing: that proves little; give a picture of what it looks for with --golden, or check the guesses above',
    );
  const sha256 = createHash('sha256').update(picture.pixels).digest('hex');
  return { ...draft, golden: { file: MODEL_FILES.golden, sha256, detections: [...detections], ...GOLDEN_TOLERANCE } };
}

async function lookTwice(
  dir: string,
  pixels: Buffer,
): Promise<{ detections: readonly Detection[]; inferenceMs: number }> {
  const { model } = await openModel({ source: { kind: 'folder', dir }, ...PLAIN });
  try {
    const { detections } = await lookAt(model, pixels);
    const again = await lookAt(model, pixels);
    const golden = { file: '', sha256: '', detections: [...detections], ...GOLDEN_TOLERANCE };
    const problem = compareWithGolden(again.detections, golden, 0);
    if (!problem) return { detections, inferenceMs: again.inferenceMs };
    throw new VigiaError(
      'model_unsuitable',
      `it sees something else each time it looks at the same picture: ${problem}`,
    );
  } finally {
    await model.close();
  }
}

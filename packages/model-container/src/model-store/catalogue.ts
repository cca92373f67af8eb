import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Detection } from '@vigia/contracts';
import { MODEL_FILES, type ModelManifest } from '#manifest';
import { describeSource, type ModelSource } from './model-source.ts';

/** Files in `assets/golden`. */
export interface GoldenAsset {
  /** A picture (PNG or JPEG) of the model's frame size. */
  readonly picture: string;
  /** JSON: `{sha256, detections}`, the hash of the picture's packed RGB24 pixels. */
  readonly expected: string;
}

/** The part of a manifest that comes from its catalogue entry. */
type Described = Pick<
  ModelManifest,
  'id' | 'licence' | 'task' | 'classes' | 'input' | 'decoder' | 'frame' | 'crops' | 'memory_mib'
>;

/** A model that can be pulled. Its source and its result are pinned, byte for byte. */
export interface CatalogueEntry extends Described {
  /** One line for display. */
  readonly title: string;
  /** The licence binds the user of the model: it must be accepted before a pull ({@link PullOptions.acceptLicence}). */
  readonly acceptLicence?: true;
  readonly source: ModelSource;
  /** SHA-256 of `model.onnx`: conversion is reproducible. */
  readonly onnxSha256: string;
  /** Id of the detector's entry; with `crops` only. */
  readonly detector?: string;
  readonly golden?: GoldenAsset;
}

/** Folder of the golden pictures, valid from `src` and `dist`. */
export const GOLDEN_ASSETS: string = fileURLToPath(new URL('../../assets/golden/', import.meta.url));

/**
 * Least overlap with a golden picture's detections, and largest difference of confidence. Runtimes differ in rounding
 * only.
 */
export const GOLDEN_TOLERANCE = { min_iou: 0.9, score_tolerance: 0.05 } as const;

/**
 * The manifest of an entry's model folder. `version` is the first 12 digits of the hash of everything else in it:
 * changed thresholds, weights or a changed detector all give another version.
 */
export async function manifestOf(entry: CatalogueEntry, detector?: ModelManifest): Promise<ModelManifest> {
  const { id, licence, task, classes, input, decoder, frame, crops, memory_mib } = entry;
  const golden = entry.golden && {
    file: MODEL_FILES.golden,
    ...(JSON.parse(await readFile(`${GOLDEN_ASSETS}${entry.golden.expected}`, 'utf8')) as GoldenExpectation),
    ...GOLDEN_TOLERANCE,
  };
  const content = {
    id,
    sha256: entry.onnxSha256,
    licence,
    source: describeSource(entry.source),
    task,
    classes,
    input,
    decoder,
    ...(frame ? { frame } : {}),
    ...(crops ? { crops } : {}),
    ...(golden ? { golden } : {}),
    ...(memory_mib ? { memory_mib } : {}),
  };
  const hash = createHash('sha256').update(JSON.stringify(content));
  if (detector) hash.update(detector.version);
  return { schema: 1, version: hash.digest('hex').slice(0, 12), ...content };
}

interface GoldenExpectation {
  readonly sha256: string;
  readonly detections: readonly Detection[];
}

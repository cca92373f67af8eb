import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Detection } from '@vigia/contracts';
import { MODEL_FILES, type ModelManifest } from '#manifest';
import { describeSource, type ModelSource } from './model-source.ts';

/** Files in `assets/golden`. */
export interface GoldenAsset {
  /** A picture (PNG or JPEG) of the size of the model's frame. */
  readonly picture: string;
  /** JSON: `{sha256, detections}`, the hash being of the picture's packed RGB24 pixels. */
  readonly expected: string;
}

/** What the manifest of a model takes from its catalogue entry. */
type Described = Pick<
  ModelManifest,
  'id' | 'licence' | 'task' | 'classes' | 'input' | 'decoder' | 'frame' | 'crops' | 'memory_mib'
>;

/** A model that can be pulled. What it is and what it must become are pinned, byte for byte. */
export interface CatalogueEntry extends Described {
  /** One line for people. */
  readonly title: string;
  /** The licence obliges whoever runs the model: it is pulled only by who says so ({@link PullOptions.acceptLicence}). */
  readonly acceptLicence?: true;
  readonly source: ModelSource;
  /** SHA-256 of `model.onnx`: conversion is reproducible. */
  readonly onnxSha256: string;
  /** Id of the entry that finds what is cropped; with `crops` only. */
  readonly detector?: string;
  readonly golden?: GoldenAsset;
}

/** Where golden pictures lie, from `src` and `dist` alike. */
export const GOLDEN_ASSETS: string = fileURLToPath(new URL('../../assets/golden/', import.meta.url));

/** Least overlap and most difference of confidence with what a golden picture shows. Runtimes differ in rounding only. */
export const GOLDEN_TOLERANCE = { min_iou: 0.9, score_tolerance: 0.05 } as const;

/**
 * The manifest that an entry's model folder must have. `version` is the first 12 digits of the hash of everything else
 * in it, so that a changed threshold is another version as much as changed weights are; so is another detector.
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

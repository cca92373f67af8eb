import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import type { ModelManifest, ModuleDecoderSettings } from '#manifest';
import type { OutputTensor } from '#network';
import { checkedDetections } from './checked-detections.ts';
import { floatsOf } from './checked-output.ts';
import type { Decoder, DecoderContext, DecoderModule } from './decoder.ts';
import { ForegroundDecoder } from './foreground.ts';
import { BODY_NUMBERS } from './keypoints.ts';
import { MoveNetDecoder } from './movenet.ts';
import { MoveNetMultiPoseDecoder, MULTIPOSE_NUMBERS } from './movenet-multipose.ts';
import { SsdDecoder } from './ssd.ts';
import { YoloV8Decoder } from './yolov8.ts';

type Described = Pick<ModelManifest, 'id' | 'classes' | 'input' | 'decoder'>;

/**
 * Creates the decoder that a manifest names.
 *
 * @param dir The model's folder, for a decoder in it.
 * @throws VigiaError `model_load`, or `model_integrity` when the module has changed since it was added.
 */
export async function createDecoder(manifest: Described, dir: string): Promise<Decoder> {
  const { decoder, classes, input } = manifest;
  const className = classes[0] ?? '';
  switch (decoder.kind) {
    case 'ssd': {
      const ssd = new SsdDecoder({
        anchors: decoder.anchors,
        classes,
        scoreThreshold: decoder.score_threshold,
        iouThreshold: decoder.iou_threshold,
        maxDetections: decoder.max_detections,
      });
      const { scores, boxes, anchors } = decoder;
      const scoresMeant = `${anchors} boxes × ${classes.length} classes`;
      const scoresOf = (s?: OutputTensor): Float32Array => floatsOf(s, scores, anchors * classes.length, scoresMeant);
      return {
        outputs: [scores, boxes],
        decode: ([s, b]) => ssd.decode(scoresOf(s), floatsOf(b, boxes, anchors * 4, `${anchors} boxes × 4 edges`)),
        faint: ([s], from) => ssd.faint(scoresOf(s), from),
      };
    }
    case 'yolov8': {
      const yolo = new YoloV8Decoder({
        inputWidth: input.width,
        inputHeight: input.height,
        anchors: decoder.anchors,
        classes,
        scoreThreshold: decoder.score_threshold,
        iouThreshold: decoder.iou_threshold,
        maxDetections: decoder.max_detections,
      });
      const meant = `4 + ${classes.length} classes, × ${decoder.anchors} boxes`;
      return one(decoder.output, (4 + classes.length) * decoder.anchors, meant, yolo);
    }
    case 'movenet': {
      const movenet = new MoveNetDecoder({ className, scoreThreshold: decoder.score_threshold });
      return one(decoder.output, BODY_NUMBERS, '17 points × 3', movenet);
    }
    case 'movenet-multipose': {
      const multipose = new MoveNetMultiPoseDecoder({ className, scoreThreshold: decoder.score_threshold });
      return one(decoder.output, MULTIPOSE_NUMBERS, '6 bodies × 56', multipose);
    }
    case 'foreground': {
      const foreground = new ForegroundDecoder({
        className,
        width: input.width,
        height: input.height,
        threshold: decoder.threshold,
        grid: decoder.grid,
      });
      const meant = `${input.width} × ${input.height} pixels`;
      return one(decoder.output, input.width * input.height, meant, foreground);
    }
    default:
      return moduleDecoder(manifest, decoder, dir);
  }
}

/** A decoder whose outputs are one list of values. */
interface ValuesDecoder {
  decode(values: Float32Array): Detection[];
  faint?(values: Float32Array, from: number): Detection[];
}

/** A decoder of one output with `count` values. */
function one(name: string, count: number, meant: string, decoder: ValuesDecoder): Decoder {
  const valuesOf = ([output]: readonly OutputTensor[]): Float32Array => floatsOf(output, name, count, meant);
  const decode = (tensors: readonly OutputTensor[]): Detection[] => decoder.decode(valuesOf(tensors));
  const faint = decoder.faint?.bind(decoder);
  if (!faint) return { outputs: [name], decode };
  return { outputs: [name], decode, faint: (tensors, from) => faint(valuesOf(tensors), from) };
}

async function moduleDecoder(
  { id, classes, input }: Described,
  settings: ModuleDecoderSettings,
  dir: string,
): Promise<Decoder> {
  const module = await loadDecoderModule(join(dir, settings.file), settings.sha256);
  const context: DecoderContext = { classes, width: input.width, height: input.height };
  return {
    outputs: undefined,
    decode: (tensors) => checkedDetections(module.decode(tensors, context), `the decoder of model ${id}`),
  };
}

/**
 * Loads a decoder module.
 *
 * @param sha256 The expected hash of the file, in hex.
 * @throws VigiaError `model_integrity` or `model_load`.
 */
export async function loadDecoderModule(path: string, sha256: string): Promise<DecoderModule> {
  let module: Partial<DecoderModule>;
  try {
    const found = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    if (found !== sha256)
      throw new VigiaError('model_integrity', `${path} is not the decoder that was added with the model`, { path });
    module = (await import(pathToFileURL(path).href)) as Partial<DecoderModule>;
  } catch (error) {
    if (error instanceof VigiaError) throw error;
    throw new VigiaError('model_load', `decoder ${path} cannot be loaded: ${messageOf(error)}`, { path, cause: error });
  }
  if (typeof module.decode === 'function') return module as DecoderModule;
  throw new VigiaError('model_load', `decoder ${path} must export a function \`decode\``, { path });
}

import { VigiaError } from '@vigia/base';
import type { Bbox, Detection, MaskRegion } from '@vigia/contracts';
import { type Decoder, moveInto } from '#decoders';
import { packedLayout, type RawFrame } from '#frames';
import { type CropSettings, frameOf, type ModelManifest } from '#manifest';
import type { Network } from '#network';
import { type Crop, InputFiller, layoutOf } from '#preprocess';
import type { Model, ModelFacts, Seen } from './model.ts';
import { factsOf } from './network-model.ts';

/** A network with its decoder and manifest. */
export interface Part {
  readonly manifest: ModelManifest;
  readonly network: Network;
  readonly decoder: Decoder;
}

/**
 * A network on crops, and the detector that finds them: per frame, one run of the detector and one of the other network
 * per crop. The frame is copied when it is taken, because the crops are known only after the detector ran; the detector
 * sees a scaled-down version of the copy. Owns both networks.
 */
export class CropsModel implements Model {
  readonly facts: ModelFacts;
  readonly #detector: Part;
  readonly #main: Part;
  readonly #crops: CropSettings;
  readonly #detectorFiller: InputFiller;
  readonly #mainFiller: InputFiller;
  /** The frame that consumers should send: packed RGB24. */
  readonly #frame: RawFrame & { readonly pixels: Uint8Array };
  readonly #frameFiller: InputFiller;

  constructor(detector: Part, main: Part, crops: CropSettings) {
    // The number of crops varies from frame to frame: frames are analysed one by one.
    this.facts = factsOf(main.manifest, { maxBatch: 1, provider: main.network.provider });
    this.#detector = detector;
    this.#main = main;
    this.#crops = crops;
    this.#detectorFiller = new InputFiller(layoutOf(detector.manifest.input), detector.manifest.input.fit);
    // Always letterboxed: a crop has the proportions of a body, and must keep them.
    this.#mainFiller = new InputFiller(layoutOf(main.manifest.input), 'letterbox');
    const { width, height, fit } = frameOf(main.manifest);
    const { planes, byteLength } = packedLayout('RGB24', width, height);
    this.#frame = { width, height, format: 'RGB24', planes, pixels: new Uint8Array(byteLength) };
    this.#frameFiller = new InputFiller(
      layoutOf({ name: 'frame', width, height, format: 'RGB24', fit }),
      // A frame of another size comes from an external sender: it is scaled as a whole, so that fractions 0..1 stay
      // valid.
      'stretch',
    );
  }

  take(row: number, frame: RawFrame): void {
    if (row !== 0) throw new VigiaError('internal', 'frames with crops are looked at one by one');
    this.#frameFiller.fillRow(frame, this.#frame.pixels, 0);
  }

  async run(): Promise<Seen[]> {
    const found = await this.#detect();
    const detections: Detection[] = [];
    for (const { bbox } of found) detections.push(...(await this.#lookAt(bbox)));
    return [{ detections }];
  }

  async close(): Promise<void> {
    await Promise.all([this.#detector.network.close(), this.#main.network.close()]);
  }

  /** The detector's detections of the class, best first. */
  async #detect(): Promise<Detection[]> {
    const { network, decoder } = this.#detector;
    const content = this.#detectorFiller.fillRow(this.#frame, network.input, 0);
    const [tensors] = await network.run(1);
    const all = decoder.decode(tensors ?? []).filter((d) => d.class_name === this.#crops.class);
    const best = all.sort((x, y) => y.confidence - x.confidence).slice(0, this.#crops.max);
    const { width, height } = this.#frame;
    const region = frameIn(this.#detector.manifest.input, content, this.#frame, { x: 0, y: 0, width, height });
    return best.map((found) => moveInto(found, region));
  }

  async #lookAt(box: Bbox): Promise<Detection[]> {
    const { network, decoder, manifest } = this.#main;
    const { width, height } = this.#frame;
    const crop = cropAround(box, width, height, this.#crops.margin);
    const content = this.#mainFiller.fillRow(this.#frame, network.input, 0, crop);
    const [tensors] = await network.run(1);
    const region = frameIn(manifest.input, content, this.#frame, crop);
    return decoder.decode(tensors ?? []).map((found) => moveInto(found, region));
  }
}

/** The box in pixels with a margin, clamped to the frame and never empty. */
function cropAround([x0, y0, x1, y1]: Bbox, width: number, height: number, margin: number): Crop {
  const more = margin * Math.max((x1 - x0) * width, (y1 - y0) * height);
  const left = Math.max(0, Math.floor(x0 * width - more));
  const top = Math.max(0, Math.floor(y0 * height - more));
  const right = Math.min(width, Math.ceil(x1 * width + more));
  const bottom = Math.min(height, Math.ceil(y1 * height + more));
  return {
    x: Math.min(left, width - 1),
    y: Math.min(top, height - 1),
    width: Math.max(1, right - left),
    height: Math.max(1, bottom - top),
  };
}

/**
 * Position of the whole frame, in fractions of an input whose `content` is a crop of it. All but the result in pixels.
 */
function frameIn(
  input: { readonly width: number; readonly height: number },
  content: Crop,
  frame: { readonly width: number; readonly height: number },
  crop: Crop,
): MaskRegion {
  const [scaleX, scaleY] = [content.width / crop.width, content.height / crop.height];
  return {
    x: (content.x - crop.x * scaleX) / input.width,
    y: (content.y - crop.y * scaleY) / input.height,
    width: (frame.width * scaleX) / input.width,
    height: (frame.height * scaleY) / input.height,
  };
}

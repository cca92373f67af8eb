import type { Detection } from '@vigia/contracts';
import { type Decoder, moveInto } from '#decoders';
import type { RawFrame } from '#frames';
import { frameOf, type ModelManifest } from '#manifest';
import type { Network } from '#network';
import { type Crop, InputFiller, layoutOf } from '#preprocess';
import type { Model, ModelFacts, Seen } from './model.ts';

/** The facts of a model with a manifest. */
export function factsOf(manifest: ModelManifest, network: Pick<Network, 'maxBatch' | 'provider'>): ModelFacts {
  return {
    version: manifest.version,
    task: manifest.task,
    classes: manifest.classes,
    frame: frameOf(manifest),
    maxBatch: network.maxBatch,
    provider: network.provider,
    p99Ms: manifest.speed?.p99_ms,
  };
}

/** A network and its decoder: one row of the network's input per frame. Owns the network. */
export class NetworkModel implements Model {
  readonly facts: ModelFacts;
  readonly #network: Network;
  readonly #decoder: Decoder;
  readonly #filler: InputFiller;
  readonly #size: { readonly width: number; readonly height: number };
  /** Position of each frame in its input; one that fills the input needs no mapping back. */
  readonly #content: Crop[] = [];
  /** The wish of each row's frame. */
  readonly #faintFrom: (number | undefined)[] = [];

  constructor(manifest: ModelManifest, network: Network, decoder: Decoder) {
    this.facts = factsOf(manifest, network);
    this.#network = network;
    this.#decoder = decoder;
    this.#filler = new InputFiller(layoutOf(manifest.input), manifest.input.fit);
    this.#size = manifest.input;
  }

  take(row: number, frame: RawFrame, faintFrom?: number): void {
    this.#faintFrom[row] = faintFrom;
    this.#content[row] = this.#filler.fillRow(frame, this.#network.input, row);
  }

  async run(count: number): Promise<Seen[]> {
    const outputs = await this.#network.run(count);
    return outputs.map((tensors, row) => {
      const detections = this.#inFrame(this.#decoder.decode(tensors), row);
      const from = this.#faintFrom[row];
      const faint = from === undefined ? undefined : this.#decoder.faint?.(tensors, from);
      return faint ? { detections, faint: this.#inFrame(faint, row) } : { detections };
    });
  }

  /** Fractions of the input as fractions of the frame in `row`. */
  #inFrame(detections: Detection[], row: number): Detection[] {
    const content = this.#content[row];
    const { width, height } = this.#size;
    if (!content || (content.width === width && content.height === height)) return detections;
    // Letterboxed here, not by the sender: the padding is not part of the sender's frame.
    const region = {
      x: content.x / width,
      y: content.y / height,
      width: content.width / width,
      height: content.height / height,
    };
    return detections.map((detection) => moveInto(detection, region));
  }

  close(): Promise<void> {
    return this.#network.close();
  }
}

import type { Detection } from '@vigia/contracts';
import type { OutputTensor } from '#network';

/** Outputs → detections, in shares 0..1 of the picture that the network was fed. One per network; keeps buffers, no state. */
export interface Decoder {
  /** Names of the outputs that `decode` wants, in its order; undefined: all, in the graph's order. */
  readonly outputs: readonly string[] | undefined;
  /** @param tensors The outputs of one picture, borrowed. @throws VigiaError `inference_failed`. */
  decode(tensors: readonly OutputTensor[]): Detection[];
}

/** What a decoder module is told about its model. */
export interface DecoderContext {
  /** Name per class id. */
  readonly classes: readonly string[];
  /** Size of the network's input, pixels. */
  readonly width: number;
  /** Size of the network's input, pixels. */
  readonly height: number;
}

/**
 * What a decoder that comes with a model exports: `decode`, which turns the outputs of one picture into detections with
 * coordinates 0..1 of the network's input. What it returns is checked; what it throws becomes the message of an
 * `inference_failed`.
 */
export interface DecoderModule {
  decode(outputs: readonly OutputTensor[], context: DecoderContext): Detection[];
}

import type { Detection } from '@vigia/contracts';
import type { OutputTensor } from '#network';

/** Outputs → detections, in fractions 0..1 of the network's input. One per network; has buffers but no state. */
export interface Decoder {
  /** Names of the outputs for `decode`, in its order; undefined: all, in the graph's order. */
  readonly outputs: readonly string[] | undefined;
  /** @param tensors The outputs for one frame, borrowed. @throws VigiaError `inference_failed`. */
  decode(tensors: readonly OutputTensor[]): Detection[];
  /**
   * What the latest `decode` left out because its confidence is below the model's own threshold. Absent: this decoder
   * has no such threshold.
   *
   * @param tensors Those of the latest `decode`.
   * @param from Least confidence, 0..1.
   * @returns Best first, at most `FAINT_LIMIT`. None overlaps a stronger detection more than the model allows.
   * @throws VigiaError `inference_failed`.
   */
  faint?(tensors: readonly OutputTensor[], from: number): Detection[];
}

/** A decoder module's information about its model. */
export interface DecoderContext {
  /** Name per class id. */
  readonly classes: readonly string[];
  /** Size of the network's input, pixels. */
  readonly width: number;
  /** Size of the network's input, pixels. */
  readonly height: number;
}

/**
 * The export of a third-party decoder: `decode`, which turns the outputs for one frame into detections with coordinates
 * 0..1 of the network's input. Its result is validated; an exception becomes the message of an `inference_failed`.
 */
export interface DecoderModule {
  decode(outputs: readonly OutputTensor[], context: DecoderContext): Detection[];
}

import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { messageOf, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { InferenceSession, type OnnxValue, Tensor } from 'onnxruntime-node';
import { SsdDecoder } from '#decoders';
import type { RunResult } from '#inference';
import { inputBytes, MODEL_FILES, type ModelManifest } from '#manifest';

/** Options of {@link ModelSession.open}. */
export interface SessionOptions {
  /** Folder of `model.onnx`. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Threads inside one operation. One is best where cores are shared. */
  readonly threads: number;
}

/**
 * A loaded model with its buffers: one picture in, detections out. Input and outputs are allocated once. `run` blocks
 * the thread that calls it for the whole inference (onnxruntime-node computes where it is called), so a server keeps it
 * in a thread of its own. Not for concurrent use. The opener owns it and calls `close`.
 */
export class ModelSession {
  /** The picture of the next run: packed RGB24, `width * height * 3` bytes. Written by the caller between runs. */
  readonly input: Uint8Array;
  readonly #session: InferenceSession;
  readonly #feeds: Record<string, OnnxValue>;
  readonly #fetches: Record<string, OnnxValue>;
  readonly #decode: () => Detection[];

  private constructor(session: InferenceSession, manifest: ModelManifest) {
    const { input, decoder, classes } = manifest;
    this.#session = session;
    this.input = new Uint8Array(inputBytes(manifest));
    this.#feeds = { [input.name]: new Tensor('uint8', this.input, [1, input.height, input.width, 3]) };
    const scores = new Float32Array(decoder.anchors * classes.length);
    const boxes = new Float32Array(decoder.anchors * 4);
    // Given to every run, the runtime writes into them instead of allocating.
    this.#fetches = {
      [decoder.scores]: new Tensor('float32', scores, [1, decoder.anchors, classes.length]),
      [decoder.boxes]: new Tensor('float32', boxes, [1, decoder.anchors, 1, 4]),
    };
    const ssd = new SsdDecoder({
      anchors: decoder.anchors,
      classes,
      scoreThreshold: decoder.score_threshold,
      iouThreshold: decoder.iou_threshold,
      maxDetections: decoder.max_detections,
    });
    this.#decode = () => ssd.decode(scores, boxes);
  }

  /**
   * Loads `model.onnx`.
   *
   * @throws VigiaError `model_load` when the runtime refuses it or it does not have the ports that the manifest names.
   */
  static async open(options: SessionOptions): Promise<ModelSession> {
    const path = join(options.dir, MODEL_FILES.onnx);
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(path, {
        executionProviders: ['cpu'],
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
      });
    } catch (error) {
      throw new VigiaError('model_load', `${path} cannot be loaded: ${messageOf(error)}`, { path, cause: error });
    }
    const { input, decoder } = options.manifest;
    const missing =
      [input.name].find((name) => !session.inputNames.includes(name)) ??
      [decoder.scores, decoder.boxes].find((name) => !session.outputNames.includes(name));
    if (missing === undefined) return new ModelSession(session, options.manifest);
    await session.release();
    throw new VigiaError('model_load', `${path} has no input or output '${missing}'`, { path });
  }

  /** Runs the model on `input`. @throws the runtime's error. */
  async run(): Promise<RunResult> {
    const start = performance.now();
    await this.#session.run(this.#feeds, this.#fetches);
    const detections = this.#decode();
    return { detections, inferenceMs: performance.now() - start };
  }

  /** Releases the model's memory. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

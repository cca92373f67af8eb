import { VigiaError } from '@vigia/base';
import { packedLayout } from '#frames';
import type { ModelManifest } from '#manifest';
import { openPart } from '#model';
import { InputFiller, layoutOf } from '#preprocess';

/** Tolerance beyond 0..1 for rounding. */
const TOLERANCE = 0.001;

/**
 * Checks the raw scores of a network. Values that are not probabilities (no sigmoid in the graph) would make a model
 * that detects everything, or nothing, without an error.
 *
 * @param pixels Packed RGB24 of the model's input size.
 * @throws VigiaError `model_unsuitable` naming the range found and the range allowed.
 */
export async function checkScoreRange(dir: string, manifest: ModelManifest, pixels: Uint8Array): Promise<void> {
  const { decoder, input } = manifest;
  // Pose models are not checked: MoveNet's decoders serve two known networks.
  if (decoder.kind !== 'ssd' && decoder.kind !== 'yolov8' && decoder.kind !== 'foreground') return;
  const { width, height } = input;
  const { network } = await openPart(dir, manifest, {
    source: { kind: 'folder', dir },
    threads: 1,
    provider: 'cpu',
    maxBatch: 1,
  });
  try {
    const { planes } = packedLayout('RGB24', width, height);
    const filler = new InputFiller(layoutOf(input), input.fit);
    filler.fillRow({ width, height, format: 'RGB24', planes, pixels }, network.input, 0);
    const [outputs = []] = await network.run(1);
    const [output] = outputs;
    if (!output) return;
    const scores = decoder.kind === 'yolov8' ? output.data.subarray(4 * decoder.anchors) : output.data;
    refuseOutside(scores as Float32Array, output.name);
  } finally {
    await network.close();
  }
}

function refuseOutside(scores: Float32Array, name: string): void {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const score of scores) {
    if (score < least) least = score;
    if (score > most) most = score;
  }
  if (least >= -TOLERANCE && most <= 1 + TOLERANCE) return;
  const text =
    `the scores of output '${name}' are ${least.toPrecision(3)} to ${most.toPrecision(3)} on the golden picture, ` +
    'probabilities 0..1 are allowed: a decoder of your own (--decoder FILE.mjs) can convert them';
  throw new VigiaError('model_unsuitable', text);
}

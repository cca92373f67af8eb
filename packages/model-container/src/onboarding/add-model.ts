import type { ResolvedModel } from '#model-store';
import type { AddOptions } from './add-options.ts';

/**
 * Adds a model to the store: inspects it, checks it against a picture, measures it, and stores it only if all of that
 * succeeded.
 *
 * @throws UsageError for options that must be changed; VigiaError `model_taken`, `model_unsuitable`, `model_load`,
 *   `model_fetch`, `model_cache`, `measurement`, `declined`, and those of a remote server; the signal's reason.
 */
export async function addModel(options: AddOptions): Promise<ResolvedModel> {
  // Imported on demand: sharp and ONNX Runtime are large.
  const { onboard } = await import('./onboard.ts');
  return onboard(options);
}

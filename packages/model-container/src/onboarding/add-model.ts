import type { Clock } from '@vigia/base';
import type { ModelStore, OnProgress, ResolvedModel } from '#model-store';
import type { ModelAddress } from './model-address.ts';
import type { Wishes } from './wishes.ts';

/** Options of {@link addModel}. */
export interface AddOptions {
  readonly store: ModelStore;
  /** What it will be called in `use`. */
  readonly id: string;
  readonly address: ModelAddress;
  readonly wishes: Wishes;
  /** A picture whose objects the model will have to see at every start. Default: a built-in one of pedestrians. */
  readonly golden?: string | undefined;
  /** Called with one line per step. */
  readonly tell: (line: string) => void;
  readonly onProgress?: OnProgress | undefined;
  /** Asked once, when everything was told and before anything is kept. */
  readonly confirm: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds a model to the store: finds out what it is, proves it on a picture, measures it, and keeps it only when all of that
 * went well.
 *
 * @throws UsageError for what must be said differently; VigiaError `model_taken`, `model_unsuitable`, `model_load`,
 *   `model_fetch`, `model_cache`, `measurement`, `declined`, and those of a remote server; the signal's reason.
 */
export async function addModel(options: AddOptions): Promise<ResolvedModel> {
  // Loaded when needed: sharp and the ONNX runtime are large.
  const { onboard } = await import('./onboard.ts');
  return onboard(options);
}

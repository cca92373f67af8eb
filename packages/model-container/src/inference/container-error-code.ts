import { VigiaError } from '@vigia/base';
import { CONTAINER_ERROR_CODES, type ContainerErrorCode } from '@vigia/contracts';

/**
 * What a failed run is to whoever asked for it. A model that knows better says so: one that runs elsewhere may be not
 * reachable, or late. Everything else is the model's own failure.
 */
export function containerErrorCode(error: unknown): ContainerErrorCode {
  const code = error instanceof VigiaError ? error.code : undefined;
  return CONTAINER_ERROR_CODES.find((known) => known === code) ?? 'inference_failed';
}

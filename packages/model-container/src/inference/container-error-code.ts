import { VigiaError } from '@vigia/base';
import { CONTAINER_ERROR_CODES, type ContainerErrorCode } from '@vigia/contracts';

/**
 * The protocol's error code for a failed run. A remote model may know better: its server can be unreachable or late.
 * Every other failure is the model's own.
 */
export function containerErrorCode(error: unknown): ContainerErrorCode {
  const code = error instanceof VigiaError ? error.code : undefined;
  return CONTAINER_ERROR_CODES.find((known) => known === code) ?? 'inference_failed';
}

import { messageOf, quoted, UsageError, VigiaError } from '@vigia/base';

/** Errors that are neither bad input (400) nor a state of the footage that forbids it (409). */
const STATUSES: Readonly<Record<string, number>> = {
  no_footage: 404,
  no_camera: 404,
  not_found: 404,
  no_part: 404,
  not_allowed: 405,
  unsatisfiable: 416,
  busy: 503,
  no_answer: 503,
  closing: 503,
  footage_failed: 503,
  footage_changed: 503,
};
const MESSAGE_LIMIT = 1_000;

/** An answer that is an error. */
export interface Refusal {
  readonly status: number;
  readonly body: { readonly error: { readonly code: string; readonly message: string } };
}

/** The answer to an error. An unexpected one (500) is for the log: the answer does not quote it. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof UsageError) return answer(400, 'bad_request', messageOf(error));
  if (error instanceof VigiaError) return answer(STATUSES[error.code] ?? 409, error.code, messageOf(error));
  return answer(500, 'internal', 'the footage process failed; its log says why');
}

function answer(status: number, code: string, message: string): Refusal {
  return { status, body: { error: { code, message: quoted(message, MESSAGE_LIMIT) } } };
}

/** The node refused a request, or its answer was not understood. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** For programs: `usage`, `not_found`, `conflict` … (docs/protocol/http.md). */
  readonly code: string;

  /** Further parts of the error: `revision` and `changes` of a `conflict`, `problems`, `retry_after_s`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, message: string, details: ApiError['details'] = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** The error in an answer's body. */
export function errorOf(status: number, body: string): ApiError {
  try {
    const { code, message, ...details } = (JSON.parse(body) as { error: Record<string, unknown> }).error;
    if (typeof code === 'string' && typeof message === 'string') return new ApiError(status, code, message, details);
  } catch {
    // Not from a node of ours: below.
  }
  return new ApiError(status, 'not_understood', `the node answered ${status} with something that is not understood`);
}

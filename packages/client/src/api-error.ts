/** The node refused a request, or its answer was not understood. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** For programs: `usage`, `not_found`, `conflict` … (docs/protocol/http.md). */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The error in an answer's body. */
export function errorOf(status: number, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error: { code: unknown; message: unknown } };
    if (typeof error.code === 'string' && typeof error.message === 'string')
      return new ApiError(status, error.code, error.message);
  } catch {
    // Not from a node of ours: below.
  }
  return new ApiError(status, 'not_understood', `the node answered ${status} with something that is not understood`);
}

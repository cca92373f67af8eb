/** Options of {@link VigiaError}, each as its field. */
export interface VigiaErrorOptions {
  readonly path?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/**
 * The project's one error class. Programs branch on `code`; `message` is one sentence for people: where, what was
 * found, what is allowed. Expected outcomes (empty, full, expired, closed) are values in a union, not errors.
 */
export class VigiaError<Code extends string = string> extends Error {
  override readonly name = 'VigiaError';
  readonly code: Code;
  /** Where: a configuration path such as `cameras.hall.source`, or a file name. */
  readonly path: string | undefined;
  /** For programs: becomes part of the error in an API's answer. JSON, no secrets. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: Code, message: string, options: VigiaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.path = options.path;
    this.details = options.details;
  }
}

/** The command line or the configuration is wrong: exit code 2. */
export class UsageError extends VigiaError<'usage'> {
  constructor(message: string, options: { readonly path?: string; readonly cause?: unknown } = {}) {
    super('usage', message, options);
  }
}

/** The message of anything thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error, library error or VigiaError (`ENOENT`, `EADDRINUSE`, …), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** For the unreachable branch of an exhaustive switch. */
export function assertNever(value: never, what: string): never {
  throw new VigiaError('internal', `${what}: unexpected ${JSON.stringify(value)}`);
}

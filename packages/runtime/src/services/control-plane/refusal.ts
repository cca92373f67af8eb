import { messageOf, quotedLines, UsageError, VigiaError } from '@vigia/base';
import type { HealthProblem } from '@vigia/contracts';
import type { z } from 'zod';

/** Status codes of errors that are neither bad input (400) nor "not now" (409). */
const STATUSES: Readonly<Record<string, number>> = {
  not_logged_in: 401,
  login_failed: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 412,
  key_reused: 422,
  too_many: 429,
  access_damaged: 503,
  busy: 503,
  failing: 503,
  starting: 503,
};

/** An answer that is an error. */
export interface Refusal {
  readonly status: number;
  readonly body: {
    readonly error: { readonly code: string; readonly message: string; readonly [detail: string]: unknown };
    /** What needs attention, one by one. */
    readonly status?: 'failing';
    readonly problems?: readonly HealthProblem[];
  };
}

/**
 * Bad input is 400, a revision conflict 412; a change that the node cannot make now is 409. Messages are redacted and printable. An
 * unexpected error (500) is for the log: the answer does not quote it.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal;
  const status = statusOf(error);
  if (status >= 500 && !(error instanceof VigiaError))
    return { status, body: { error: { code: 'internal', message: 'the node failed; its log says why' } } };
  const message = quotedLines(messageOf(error)).join('\n');
  if (!(error instanceof VigiaError)) return { status, body: { error: { code: 'bad_request', message } } };
  const more = error instanceof NotWell ? { status: 'failing' as const, problems: error.problems } : {};
  return { status, body: { ...more, error: { ...error.details, code: error.code, message } } };
}

/** The answer of `/healthz` while something needs attention. */
export class NotWell extends VigiaError {
  readonly problems: readonly HealthProblem[];

  constructor(problems: readonly HealthProblem[]) {
    super('failing', problems.map(({ message }) => message).join('\n'));
    this.problems = problems;
  }
}

/** A refusal that another process of the node made. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.body.error.message);
    this.refusal = refusal;
  }
}

function statusOf(error: unknown): number {
  if (error instanceof UsageError) return 400;
  if (error instanceof VigiaError) return STATUSES[error.code] ?? 409;
  // The web server's own: a body that is no JSON, or too long.
  const own = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof own === 'number' ? own : 500;
}

/** Validates a part of a request. @param where Names the part in the sentence. @throws UsageError with the first problem. */
export function checked<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = [where, ...(issue?.path ?? [])].join('.');
  throw new UsageError(`${at}: ${issue?.message ?? 'wrong'}`);
}

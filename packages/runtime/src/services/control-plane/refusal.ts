import { messageOf, quoted, quotedLines, UsageError, VigiaError } from '@vigia/base';
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
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
  // A body may hold a password where it does not belong.
  const shown = where === 'body' && typeof found === 'string' ? 'a text was found' : foundText(found);
  throw new UsageError(`${[where, ...path].join('.')}: ${issue ? sentenceOf(issue, shown) : 'wrong'}`);
}

/** Longest value in a sentence, characters. */
const VALUE_LIMIT = 40;
const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  record: 'a map',
  object: 'a map',
  array: 'a list',
  boolean: 'true or false',
};

function foundText(found: unknown): string {
  if (found === undefined) return 'nothing was found';
  if (Array.isArray(found)) return 'a list was found';
  return typeof found === 'object' && found !== null
    ? 'a map was found'
    : `found ${quoted(JSON.stringify(found), VALUE_LIMIT)}`;
}

/** What was found and what is allowed. The messages of our own schemas are sentences already. */
function sentenceOf(issue: z.core.$ZodIssue, found: string): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${found}, ${EXPECTED[issue.expected] ?? issue.expected} is expected`;
    case 'invalid_value':
      return `${found}, allowed are ${issue.values.join(', ')}`;
    case 'too_small':
      return `${found}, ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `${found}, ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    case 'unrecognized_keys':
      return `unknown key "${quoted(issue.keys[0] ?? '', VALUE_LIMIT)}"`;
    case 'invalid_format':
      return issue.format === 'datetime'
        ? `${found}, a time such as 2026-11-22T03:14:00Z is expected`
        : `${found}; ${issue.message}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, than: string, limit: number | bigint): string {
  const unit = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
  return `${than} ${limit}${unit} ${unit === '' ? 'is' : 'are'} allowed`;
}

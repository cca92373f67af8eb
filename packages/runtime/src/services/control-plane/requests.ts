import { UsageError, VigiaError } from '@vigia/base';
import type { FastifyRequest } from 'fastify';

const KEY = /^[\x21-\x7E]{1,128}$/;
/** Levels of lists and objects in a body. */
const DEEPEST = 64;

/** The `Idempotency-Key` of a change. @throws UsageError for an invalid one. */
export function keyOf({ method, headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined || method === 'GET') return undefined;
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new UsageError('Idempotency-Key: 1 to 128 printable characters without spaces are allowed');
}

/**
 * Code that reads a value part by part calls itself once per level, and would have no stack left.
 *
 * @throws UsageError for a body that is nested too deeply.
 */
export function refuseDeep(body: unknown): void {
  let level = partsOf([body]);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === DEEPEST) throw new UsageError(`body: at most ${DEEPEST} levels are allowed`);
    level = partsOf(level);
  }
}

function partsOf(values: readonly unknown[]): object[] {
  return values
    .flatMap((value): unknown[] => (typeof value === 'object' && value !== null ? Object.values(value) : []))
    .filter((part): part is object => typeof part === 'object' && part !== null);
}

/** @throws UsageError: the environment and files of the node are for those who may read them. */
export function refuseReferences(body: unknown): void {
  if (JSON.stringify(body ?? null).includes('${'))
    throw new UsageError(
      'body: references such as ${NAME} are not filled in over the network; use the control socket or the file',
    );
}

/** The error for an address that no route has. */
export function noRoute({ method, url }: FastifyRequest): VigiaError {
  return new VigiaError(
    'not_found',
    `there is no ${method} ${url.split('?')[0]}; /api/v1/openapi.json lists what there is`,
  );
}

/** The revision that an answer is about. A repeated answer is about its own, not about the one in force now. */
export function revisionIn(answer: unknown): number | undefined {
  if (typeof answer !== 'object' || answer === null || !('revision' in answer)) return undefined;
  return typeof answer.revision === 'number' ? answer.revision : undefined;
}

/** The revision of `If-Match`. @throws UsageError for an invalid one. */
export function revisionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined) return undefined;
  const revision = /^"(\d{1,15})"$/.exec(ifMatch)?.[1];
  if (revision === undefined) throw new UsageError('If-Match: a revision in quotation marks is expected, such as "3"');
  return Number(revision);
}

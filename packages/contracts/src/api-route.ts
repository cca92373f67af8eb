import type { z } from 'zod';
import type { Role } from './access.ts';

/** A body that a client sends. */
export interface ApiBody {
  readonly schema: z.ZodType;
  /** A request without one is as good. */
  readonly optional?: true;
  /** `document`: JSON or YAML text, parsed like the configuration file, with its sentences. Others: text of that type. */
  readonly as: 'json' | 'document' | 'application/sdp' | 'application/trickle-ice-sdpfrag';
}

/** What a route answers: JSON of a schema, or something else. */
export type ApiAnswer =
  | z.ZodType
  | 'jpeg'
  | `media:${string}`
  | 'openapi'
  | 'open-metrics'
  | 'nothing'
  | 'event-stream'
  | 'web-socket';

/** One route of the HTTP API. The server, OpenAPI and the clients are made from it. */
export interface ApiRoute {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** `{name}` stands for a parameter. */
  readonly path: `/${string}`;
  /** One line for OpenAPI and the documentation. */
  readonly summary: string;
  /** The least role that may call it, once a node has users. `anyone`: also without a login. */
  readonly role: Role | 'anyone';
  /**
   * What it is about. `camera`: the one in its path; to somebody who may not see it, it does not exist. `cameras`: the
   * answer leaves out what its asker may not see. `node`: the whole node; only for those who may see all cameras.
   * `self`: nobody but the asker.
   */
  readonly scope: 'camera' | 'cameras' | 'node' | 'self';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: ApiBody;
  readonly answer: ApiAnswer;
  /** Status code of success. Default 200. */
  readonly success?: 201 | 204;
  /** Another session or place each time: an `Idempotency-Key` means nothing. */
  readonly unkeyed?: true;
  /** It has a body, and changes nothing: no record of a change, no `Idempotency-Key`. */
  readonly reads?: true;
  /** Accepts `If-Match` with a revision. */
  readonly ifMatch?: true;
  /** Status codes of refusals, in addition to 400. */
  readonly refusals: readonly (401 | 403 | 404 | 409 | 412 | 422 | 429 | 503)[];
}

/** Whether a route changes something. */
export function changes({ method, reads }: Pick<ApiRoute, 'method' | 'reads'>): boolean {
  return method !== 'GET' && !reads;
}

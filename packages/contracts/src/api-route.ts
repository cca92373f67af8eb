import type { z } from 'zod';

/** Who may call a route, once a node has users. Each role may do what those before it may. */
export const API_ROLES = ['viewer', 'operator', 'admin'] as const;
/** See {@link API_ROLES}. */
export type ApiRole = (typeof API_ROLES)[number];

/** A body that a client sends. */
export interface ApiBody {
  readonly schema: z.ZodType;
  /** `document`: JSON or YAML text, parsed like the configuration file, with its sentences. */
  readonly as: 'json' | 'document';
}

/** What a route answers: JSON of a schema, or something else. */
export type ApiAnswer = z.ZodType | 'jpeg' | 'openapi' | 'open-metrics' | 'event-stream' | 'web-socket';

/** One route of the HTTP API. The server, OpenAPI and the clients are made from it. */
export interface ApiRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `{name}` stands for a parameter. */
  readonly path: `/${string}`;
  /** One line for OpenAPI and the documentation. */
  readonly summary: string;
  /** `anyone`: also without a login. */
  readonly role: ApiRole | 'anyone';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: ApiBody;
  readonly answer: ApiAnswer;
  /** Accepts `If-Match` with a revision. */
  readonly ifMatch?: true;
  /** Status codes of refusals, in addition to 400. */
  readonly refusals: readonly (403 | 404 | 409 | 412 | 422 | 503)[];
}

import type { ACCESS_API, ApiName, ApiResponse, Frozen, LiveName, MediaName, RouteOf } from '@vigia/contracts/api';
import type { z } from 'zod';
import type { Identity } from '#core/access';
import type { PreviewTask } from '#core/footage-link';
import type { Asker, ControlledNode } from './controlled-node.ts';

type Of<R, K extends string> = R extends { readonly [key in K]: infer S extends z.ZodType } ? z.output<S> : undefined;

/** A request whose parameters are valid. A document is text; a body is validated by the node's own parser. */
export interface Asked<N extends ApiName> extends Asker {
  /** Undefined: somebody without a login. */
  readonly identity: Identity | undefined;
  readonly params: Of<RouteOf<N>, 'params'>;
  readonly query: Of<RouteOf<N>, 'query'>;
  readonly body: unknown;
}

/** Routes about users and tokens: the process of the server answers. Login and logout set cookies, and are not among them. */
export type AccessName = Exclude<keyof typeof ACCESS_API, 'login' | 'logout'>;

/** Routes that the node answers, wherever the request arrived. */
export type NodeName = Exclude<
  ApiName,
  AccessName | 'login' | 'logout' | 'openapi' | 'eventStream' | 'stream' | LiveName | MediaName
>;

/** Of a preview it is the task, which another process then works on: see `HttpApi`. */
type Answer<N extends ApiName> = N extends 'previewRules' ? PreviewTask : Frozen<ApiResponse<N>>;
/** A function for each route about users and tokens. */
export type AccessHandlers = {
  readonly [N in AccessName]: (asked: Asked<N>) => Answer<N> | Promise<Answer<N>>;
};
/** A function for each route of the node. */
export type NodeHandlers = {
  readonly [N in NodeName]: (node: ControlledNode, asked: Asked<N>) => Answer<N> | Promise<Answer<N>>;
};

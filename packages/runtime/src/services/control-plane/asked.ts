import type { ApiName, ApiResponse, Frozen, MediaName, RouteOf } from '@vigia/contracts/api';
import type { z } from 'zod';
import type { Identity } from '#core/access';
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

/** Routes whose handler returns the answer. A stream writes its own; media come from another process. */
export type AnswerName = Exclude<ApiName, 'eventStream' | 'stream' | 'login' | 'logout' | MediaName>;

type Answer<N extends AnswerName> = Frozen<ApiResponse<N>>;
/** A function for each route that answers once. */
export type Handlers = {
  readonly [N in AnswerName]: (node: ControlledNode, asked: Asked<N>) => Answer<N> | Promise<Answer<N>>;
};

import type { z } from 'zod';
import type { ApiBody } from './api-route.ts';
import type { ApiName, RouteOf } from './api-routes.ts';

type ParamsOf<R> = R extends { readonly params: infer P extends z.ZodType } ? { readonly params: z.input<P> } : object;
type QueryOf<R> = R extends { readonly query: infer Q extends z.ZodType } ? { readonly query?: z.input<Q> } : object;
type BodyOf<R> = R extends { readonly body: infer B extends ApiBody & { readonly optional: true } }
  ? { readonly body?: z.input<B['schema']> }
  : R extends { readonly body: infer B extends ApiBody }
    ? { readonly body: B['as'] extends 'document' ? z.input<B['schema']> | string : z.input<B['schema']> }
    : object;
type MatchOf<R> = R extends { readonly ifMatch: true }
  ? {
      /** Refused with `conflict` unless this is the revision in force. */
      readonly ifMatch?: number;
    }
  : object;

/** What a client sends to a route. */
export type ApiRequest<N extends ApiName> = ParamsOf<RouteOf<N>> &
  QueryOf<RouteOf<N>> &
  BodyOf<RouteOf<N>> &
  MatchOf<RouteOf<N>>;

/** What a route answers: JSON, or the bytes of a picture or clip. */
export type ApiResponse<N extends ApiName> = RouteOf<N>['answer'] extends infer A
  ? A extends z.ZodType
    ? z.output<A>
    : A extends 'jpeg' | `media:${string}`
      ? Uint8Array
      : A extends 'open-metrics'
        ? string
        : A extends 'openapi'
          ? Readonly<Record<string, unknown>>
          : never
  : never;

/** A value that its receiver must not change. */
export type Frozen<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

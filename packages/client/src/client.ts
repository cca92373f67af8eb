import {
  API,
  API_NAMES,
  type ApiName,
  type ApiRequest,
  type ApiResponse,
  type ApiRoute,
  LIVE_API,
  type LiveName,
} from '@vigia/contracts/api';
import { errorOf } from './api-error.ts';
import { type Follow, followEvents, type Watch, watchNode } from './follow.ts';
import { fetchSender } from './fetch-sender.ts';
import { type ApiReply, bytesOf, type Sender, textOf } from './sender.ts';

/** Where a node is: an address with a token where one is needed, or a way to send requests. */
export type ClientOptions = { readonly url: string; readonly token?: string | undefined } | { readonly send: Sender };

/** Options of one call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** A repeated request with this key is done once. 1 to 128 printable characters. */
  readonly idempotencyKey?: string | undefined;
}

/** Routes that answer once, with one body: live video is for players, with headers of its own. */
type CallName = Exclude<ApiName, 'eventStream' | 'stream' | LiveName>;

/** Calls a route. Rejects with ApiError when the node refuses, with the sender's error when no answer comes. */
export type Call<N extends CallName> =
  object extends ApiRequest<N>
    ? (request?: ApiRequest<N>, options?: CallOptions) => Promise<ApiResponse<N>>
    : (request: ApiRequest<N>, options?: CallOptions) => Promise<ApiResponse<N>>;

/** One method per route of the API (docs/protocol/http.md), and two for what happens: `follow` and `watch`. */
export type ApiClient = { readonly [N in CallName]: Call<N> } & { readonly follow: Follow; readonly watch: Watch };

interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly ifMatch?: number;
}

/** A client of one node. Holds no connection of its own. */
export function createClient(options: ClientOptions): ApiClient {
  const send = 'url' in options ? fetchSender(options.url, options.token) : options.send;
  const calls = API_NAMES.filter(isCall).map((name) => {
    const route: ApiRoute = API[name];
    const call = async (request: Parts = {}, how: CallOptions = {}): Promise<unknown> =>
      answerOf(route, await sendTo(send, route, request, how));
    return [name, call];
  });
  return { ...Object.fromEntries(calls), follow: followEvents(send), watch: watchNode(send) } as ApiClient;
}

function isCall(name: ApiName): name is CallName {
  return name !== 'eventStream' && name !== 'stream' && !Object.hasOwn(LIVE_API, name);
}

function sendTo(
  send: Sender,
  route: ApiRoute,
  request: Parts,
  { signal, idempotencyKey }: CallOptions,
): Promise<ApiReply> {
  const { body, ifMatch } = request;
  const headers = {
    ...(body === undefined
      ? {}
      : { 'content-type': typeof body === 'string' ? 'application/yaml' : 'application/json' }),
    ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return send({ method: route.method, path: pathOf(route, request), headers, body: text, signal });
}

function pathOf({ path }: ApiRoute, { params = {}, query = {} }: Parts): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}

async function answerOf({ answer }: ApiRoute, reply: ApiReply): Promise<unknown> {
  if (reply.status !== 200) throw errorOf(reply.status, await textOf(reply));
  if (answer === 'jpeg' || (typeof answer === 'string' && answer.startsWith('media:'))) return bytesOf(reply);
  const text = await textOf(reply);
  return answer === 'open-metrics' ? text : JSON.parse(text);
}

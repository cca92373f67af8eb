/** Checks a value that another process sent. Schemas of zod fit. */
export interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly message: string } };
}

/** What one end of a channel may say. A name stands for one request or one notice, never for both. */
export interface Vocabulary {
  /** Each is answered exactly once, by the reply or by an error. */
  readonly requests: Readonly<Record<string, { readonly ask: Schema<unknown>; readonly reply: Schema<unknown> }>>;
  /** Not answered. */
  readonly notices: Readonly<Record<string, Schema<unknown>>>;
}

/** A vocabulary without words: for an end that only listens. */
export const SILENT: {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: Readonly<Record<string, never>>;
} = {
  requests: {},
  notices: {},
};

type Parsed<S> = S extends Schema<infer T> ? T : never;
/** Names of the requests of a vocabulary. */
export type RequestName<V extends Vocabulary> = keyof V['requests'] & string;
/** Names of the notices of a vocabulary. */
export type NoticeName<V extends Vocabulary> = keyof V['notices'] & string;
/** The body of a request. */
export type AskOf<V extends Vocabulary, N extends RequestName<V>> = Parsed<V['requests'][N]['ask']>;
/** The body of its reply. */
export type ReplyOf<V extends Vocabulary, N extends RequestName<V>> = Parsed<V['requests'][N]['reply']>;
/** The body of a notice. */
export type NoticeOf<V extends Vocabulary, N extends NoticeName<V>> = Parsed<V['notices'][N]>;

/** What an end does with everything that the other end may say. */
export interface Handlers<V extends Vocabulary> {
  /** `signal` aborts when the other end stops waiting, and when the channel closes. A throw becomes the error of the request. */
  readonly requests: {
    readonly [N in RequestName<V>]: (ask: AskOf<V, N>, signal: AbortSignal) => ReplyOf<V, N> | Promise<ReplyOf<V, N>>;
  };
  /** A throw is reported as a problem of the channel; the channel goes on. */
  readonly notices: { readonly [N in NoticeName<V>]: (notice: NoticeOf<V, N>) => void };
}

/** A message as it crosses the process border. `id` is unique per direction and channel. */
export type ChannelMessage =
  | { readonly type: 'request'; readonly id: number; readonly name: string; readonly body: unknown }
  /** The end that asked waits no longer. */
  | { readonly type: 'withdrawn'; readonly id: number }
  | { readonly type: 'reply'; readonly id: number; readonly body: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly type: 'notice'; readonly name: string; readonly body: unknown };

/** Longest code and message of a refusal, in characters. */
export const REFUSAL_LIMIT = { code: 64, message: 4_096 } as const;

/** The message when a value has its form; undefined otherwise. Bodies are not looked into. */
export function asChannelMessage(value: unknown): ChannelMessage | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const message = value as Partial<Record<'type' | 'id' | 'name' | 'body' | 'code' | 'message', unknown>>;
  const named = typeof message.name === 'string';
  const numbered = Number.isSafeInteger(message.id);
  switch (message.type) {
    case 'notice':
      return named ? (value as ChannelMessage) : undefined;
    case 'request':
      return named && numbered ? (value as ChannelMessage) : undefined;
    case 'reply':
    case 'withdrawn':
      return numbered ? (value as ChannelMessage) : undefined;
    case 'refusal':
      return numbered && isShort(message.code, REFUSAL_LIMIT.code) && isShort(message.message, REFUSAL_LIMIT.message)
        ? (value as ChannelMessage)
        : undefined;
    default:
      return undefined;
  }
}

function isShort(value: unknown, limit: number): boolean {
  return typeof value === 'string' && value.length <= limit;
}

import type { Schema } from '@vigia/base';
import {
  eventIdSchema,
  ID_PATTERN,
  type NodeEvent,
  type NodeEventOf,
  type NodeItem,
  type SummaryMessage,
  TILE_WIDTH,
} from '@vigia/contracts';
import { API_NAMES, type ApiName, grantSchema, ROLES } from '@vigia/contracts/api';
import { z } from 'zod';
import type { Identity } from '#core/access';
import type { Tile } from '#core/camera-link';

/** Longest message and longest path, characters. */
const SENTENCE_LIMIT = 4_096;
const NAME_LIMIT = 1_024;
/** Stored events in one answer. */
const PAGE_LIMIT = 500;

/** Where the HTTP API listens. */
export interface ListenSetup {
  /** `HOST:PORT`. */
  readonly listen: string;
  /** Files. Undefined: without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Further names by which browsers find it. */
  readonly names: readonly string[];
}

/** Why it does not listen there. */
export interface ListenFailure {
  /** Whether the configuration is wrong, and not the machine. */
  readonly usage: boolean;
  readonly code: string;
  readonly message: string;
  /** A path in the configuration, or of a file. */
  readonly path: string | null;
}

/** What the api process knows of the node without asking. */
export interface NodeFacts {
  readonly cameras: readonly string[];
  /** Where the process that has the recordings answers; null: there are none. */
  readonly playback: string | null;
  /** Whether events are stored. */
  readonly resumable: boolean;
}

/** A request that arrived over the network; its sender has shown who they are. */
export interface CallAsk {
  readonly route: ApiName;
  readonly identity: Identity | null;
  /** The address. */
  readonly from: string;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** The change is refused unless this revision is in force. */
  readonly expected: number | null;
  /** Its `Idempotency-Key`. */
  readonly key: string | null;
}

/** Its answer, or the answer to its failure as it is sent to the client. */
export type CallReply =
  | { readonly answer: unknown }
  | { readonly refusal: { readonly status: number; readonly body: unknown } };

interface Request<Ask, Reply> {
  readonly ask: Schema<Ask>;
  readonly reply: Schema<Reply>;
}

/** Requests and notices from the node to the api process. */
export interface NodeApiWords {
  readonly requests: {
    /** Answered when the users are read, or cannot be read. */
    readonly setup: Request<{ readonly stateDir: string; readonly version: string; readonly facts: NodeFacts }, null>;
    /** Listens there, or stays where it is and says why. */
    readonly listen: Request<ListenSetup, ListenFailure | null>;
    /** Reads users and certificates again. */
    readonly refresh: Request<null, null>;
    /**
     * What happened, in order. The next ones follow the reply. `lost`: in all, of those that were not read in time;
     * `kept` can be read from the store.
     */
    readonly items: Request<
      { readonly items: readonly NodeItem[]; readonly lost: { readonly samples: number; readonly kept: number } },
      null
    >;
  };
  readonly notices: {
    readonly facts: Schema<NodeFacts>;
    /** Too many alarms were unread: nothing more comes until `follow` is asked again. */
    readonly overflow: Schema<null>;
    /** Every second: the node does not hang. */
    readonly alive: Schema<null>;
  };
}

/** Requests and notices from the api process to the node. */
export interface ApiNodeWords {
  readonly requests: {
    readonly call: Request<CallAsk, CallReply>;
    /** From now on `items` are sent, or no more. Answered with an id that is smaller than those of later events. */
    readonly follow: Request<{ readonly on: boolean }, { readonly position: string }>;
    /** Where a client goes on that has the events up to this one. */
    readonly resume: Request<{ readonly after: string }, { readonly after: string }>;
    /** Stored events, oldest first. */
    readonly events: Request<
      { readonly after?: string | undefined; readonly limit: number; readonly cameras?: readonly string[] | undefined },
      { readonly events: readonly NodeEvent[] }
    >;
    /** What each consumer answered in the last minute. */
    readonly lastMinute: Request<null, { readonly summaries: readonly SummaryMessage[] }>;
    readonly tile: Request<{ readonly camera: string; readonly width: number }, Tile>;
    /** Where the process answers that has the live video of a camera. It is started if need be. */
    readonly live: Request<{ readonly camera: string }, { readonly socketPath: string }>;
  };
  readonly notices: {
    readonly audit: Schema<{ readonly entry: NodeEventOf<'audit'>['data']; readonly camera: string | null }>;
    /** End the node. `by`: who wants it. */
    readonly stop: Schema<{ readonly by: string }>;
    /** Every second: this process does not hang. */
    readonly alive: Schema<null>;
  };
}

const id = z.string().regex(ID_PATTERN);
const text = z.string().max(SENTENCE_LIMIT);
const name = z.string().max(NAME_LIMIT);
const nothing = z.null();
const count = z.int().min(0);
/** Our own process says it, and it was checked before: only its outer form is looked at again. */
const ours = <T>(): z.ZodType<T> => z.custom<T>((value) => typeof value === 'object' && value !== null);

const facts: z.ZodType<NodeFacts> = z.strictObject({
  cameras: z.array(id),
  playback: text.nullable(),
  resumable: z.boolean(),
});

const identity: z.ZodType<Identity> = z.strictObject({
  who: name,
  user: name.optional(),
  role: z.enum(ROLES),
  cameras: grantSchema,
  key: name.optional(),
  csrf: name.optional(),
  expiresAt: name.nullable(),
}) as z.ZodType<Identity>;

/** See {@link NodeApiWords}. */
export const NODE_API_WORDS: NodeApiWords = {
  requests: {
    setup: { ask: z.strictObject({ stateDir: text, version: name, facts }), reply: nothing },
    listen: {
      ask: z.strictObject({
        listen: name,
        tls: z.strictObject({ cert: text, key: text }).optional(),
        names: z.array(name),
      }),
      reply: z.strictObject({ usage: z.boolean(), code: name, message: text, path: text.nullable() }).nullable(),
    },
    refresh: { ask: nothing, reply: nothing },
    items: {
      ask: z.strictObject({
        items: z.array(ours<NodeItem>()),
        lost: z.strictObject({ samples: count, kept: count }),
      }),
      reply: nothing,
    },
  },
  notices: { facts, overflow: nothing, alive: nothing },
};

/** See {@link ApiNodeWords}. */
export const API_NODE_WORDS: ApiNodeWords = {
  requests: {
    call: {
      ask: z.strictObject({
        route: z.enum(API_NAMES as [ApiName, ...ApiName[]]),
        identity: identity.nullable(),
        from: name,
        params: z.unknown(),
        query: z.unknown(),
        body: z.unknown(),
        expected: count.nullable(),
        key: name.nullable(),
      }),
      reply: z.union([
        z.strictObject({ answer: z.unknown() }),
        z.strictObject({ refusal: z.strictObject({ status: z.int().min(400).max(599), body: z.unknown() }) }),
      ]),
    },
    follow: {
      ask: z.strictObject({ on: z.boolean() }),
      reply: z.strictObject({ position: eventIdSchema }),
    },
    resume: { ask: z.strictObject({ after: eventIdSchema }), reply: z.strictObject({ after: eventIdSchema }) },
    events: {
      ask: z.strictObject({
        after: eventIdSchema.optional(),
        limit: z.int().min(1).max(PAGE_LIMIT),
        cameras: z.array(id).max(1_000).optional(),
      }),
      reply: z.strictObject({ events: z.array(ours<NodeEvent>()).max(PAGE_LIMIT) }),
    },
    lastMinute: { ask: nothing, reply: z.strictObject({ summaries: z.array(ours<SummaryMessage>()) }) },
    tile: {
      ask: z.strictObject({ camera: id, width: z.int().min(TILE_WIDTH.min).max(TILE_WIDTH.max) }),
      reply: ours<Tile>(),
    },
    live: { ask: z.strictObject({ camera: id }), reply: z.strictObject({ socketPath: text }) },
  },
  notices: {
    audit: z.strictObject({
      entry: z.strictObject({
        by: name,
        action: name,
        target: name.nullable(),
        outcome: z.enum(['done', 'refused']),
        reason: name.nullable(),
      }),
      camera: id.nullable(),
    }),
    stop: z.strictObject({ by: name }),
    alive: nothing,
  },
};

import type { Schema } from '@vigia/base';
import { type EventQuery, SEVERITIES } from '@vigia/contracts';
import { z } from 'zod';
import type { StoredEvent } from './event-log.ts';
import type { Pruned, Retention } from './pruning.ts';
import type { Damage } from './store-file.ts';

const events: Schema<readonly StoredEvent[]> = z.array(
  z.strictObject({
    id: z.string(),
    atMs: z.number(),
    camera: z.string().nullable(),
    kind: z.string(),
    severity: z.enum(SEVERITIES),
    body: z.string(),
  }),
);
const query: Schema<EventQuery> = z.strictObject({
  id: z.string().optional(),
  after: z.string().optional(),
  before: z.string().optional(),
  newest: z.boolean().optional(),
  camera: z.string().optional(),
  cameras: z.array(z.string()).optional(),
  kinds: z.array(z.string()).optional(),
  about: z.array(z.string()).optional(),
  severity: z.enum(SEVERITIES).optional(),
  fromMs: z.number().optional(),
  toMs: z.number().optional(),
  limit: z.int().min(1),
});
const pruning: Schema<Retention & { readonly nowMs: number }> = z.strictObject({
  ageMs: z.number(),
  count: z.number(),
  nowMs: z.number(),
});
const pruned: Schema<Pruned> = z.strictObject({ removed: z.number(), unread: z.record(z.string(), z.number()) });
const text: Schema<string> = z.string();
const bodies: Schema<readonly string[]> = z.array(z.string());
const page: Schema<Page> = z.strictObject({ name: z.string(), limit: z.int().min(1) });
const place: Schema<Place> = z.strictObject({ name: z.string(), id: z.string() });
const others: Schema<Others> = z.strictObject({ prefix: z.string(), names: z.array(z.string()) });
const nothing: Schema<null> = z.null();
const opened: Schema<Opened> = z.strictObject({ lastId: z.string().nullable() });
const failed: Schema<Failed> = z.strictObject({ message: z.string(), forNow: z.boolean() });
const damaged: Schema<Damage> = z.strictObject({ message: z.string(), discarded: z.number() });

/** The next events of a reader. */
interface Page {
  readonly name: string;
  readonly limit: number;
}

/** The readers whose names begin so, except these. */
interface Others {
  readonly prefix: string;
  readonly names: readonly string[];
}

/** How far a reader has come. */
interface Place {
  readonly name: string;
  readonly id: string;
}

/** What was found when the file was opened. */
interface Opened {
  readonly lastId: string | null;
}

/** Why it could not be opened. */
interface Failed {
  readonly message: string;
  /** The disk does not let it now: each request tries again. */
  readonly forNow: boolean;
}

/** A request of {@link StoreWords}. */
interface Request<Ask, Reply> {
  readonly ask: Schema<Ask>;
  readonly reply: Schema<Reply>;
}

/** What the supervisor asks of the store's thread. */
export interface StoreWords {
  readonly requests: {
    readonly append: Request<readonly StoredEvent[], null>;
    readonly read: Request<EventQuery, readonly string[]>;
    readonly count: Request<EventQuery, number>;
    readonly begin: Request<string, null>;
    readonly unread: Request<Page, readonly string[]>;
    readonly advance: Request<Place, null>;
    readonly forgetOthers: Request<Others, null>;
    readonly prune: Request<Retention & { readonly nowMs: number }, Pruned>;
    readonly close: Request<null, null>;
  };
  readonly notices: Readonly<Record<string, never>>;
}

/** See {@link StoreWords}. */
export const STORE_WORDS: StoreWords = {
  requests: {
    append: { ask: events, reply: nothing },
    read: { ask: query, reply: bodies },
    count: { ask: query, reply: z.int().min(0) },
    begin: { ask: text, reply: nothing },
    unread: { ask: page, reply: bodies },
    advance: { ask: place, reply: nothing },
    forgetOthers: { ask: others, reply: nothing },
    prune: { ask: pruning, reply: pruned },
    close: { ask: nothing, reply: nothing },
  },
  notices: {},
};

/** What the thread reports by itself. */
export interface ThreadWords {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: {
    /** A file is open: at the start or later, or one that took the place of another. */
    readonly opened: Schema<Opened>;
    /** Once, when no file could be opened at the start. */
    readonly failed: Schema<Failed>;
    readonly damaged: Schema<Damage>;
    /** Everything that is stored was read once. */
    readonly checked: Schema<null>;
  };
}

/** See {@link ThreadWords}. */
export const THREAD_WORDS: ThreadWords = { requests: {}, notices: { opened, failed, damaged, checked: nothing } };

/** Handed to the thread that checks the store. */
export interface CheckSetup {
  readonly path: string;
  /** Shared. Not 0: it ends after the step that it is in. */
  readonly stop: Int32Array;
}

/** Handed to the thread when it starts. */
export interface ThreadSetup {
  readonly path: string;
  readonly durability: 'process' | 'power';
}

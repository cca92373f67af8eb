import type { Schema } from '@vigia/base';
import { eventIdSchema, EVENTS_LIMIT, ID_PATTERN, type NodeEvent, nodeEventSchema } from '@vigia/contracts';
import { z } from 'zod';
import { ABSENCE_REASONS, type AbsenceReason, GAP_REASONS, type GapReason } from '#core/footage';

/** Longest message and longest path, characters. */
const SENTENCE_LIMIT = 4_096;
/** Directories of a node. */
const DIRS_LIMIT = 16;

/** A directory of recordings. */
export interface FootageDirSetup {
  /** Absolute. */
  readonly path: string;
  /** The most bytes of recordings in it; null: not limited. */
  readonly maxBytes: number | null;
}

/** How long and how much of a camera is kept. Null: not limited. Milliseconds, bytes. */
export interface CameraKeep {
  /** Of footage outside events. */
  readonly keepMs: number | null;
  readonly keepEventsMs: number | null;
  readonly maxBytes: number | null;
  readonly maxEventBytes: number | null;
}

/** Room that is kept for what each recorded camera writes next, on each disk, beside what must stay free. At least so many bytes. */
export const HEADROOM_BYTES: number = 64 * 1024 * 1024;

/** What is kept; a reload may change it. */
export interface FootageLimits {
  /** Of all recordings of the node, in all directories. Null: not limited. */
  readonly maxBytes: number | null;
  /** What stays free on each file system with recordings, bytes. */
  readonly minFreeBytes: number;
  /** The cameras that are recorded. Recordings of others count in the budget of the node only. */
  readonly cameras: Readonly<Record<string, CameraKeep>>;
}

/** The settings of the footage process. */
export interface FootageSetup extends FootageLimits {
  readonly node: string;
  /** Of vigia. */
  readonly version: string;
  /** The run of the node. */
  readonly boot: string;
  /** Where the index is kept. */
  readonly stateDir: string;
  /** Where playback listens. */
  readonly socketPath: string;
  /** Recorders write into the first that is usable; what has no room there any longer moves on to the next. */
  readonly dirs: readonly FootageDirSetup[];
  /** Texts that must not be printed. */
  readonly secrets?: readonly string[] | undefined;
}

/** Asks for the recordings of one camera or of all, in a time range. Milliseconds since 1970. */
export interface SpansAsk {
  readonly camera: string | null;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A time that was recorded without interruption. Milliseconds since 1970. */
export interface Span {
  readonly from_ms: number;
  readonly to_ms: number;
  /** Some of it is footage of an event. */
  readonly event: boolean;
}

/** A time that was not recorded. Milliseconds since 1970; a gap that lasts has no end. */
export interface GapSpan {
  readonly from_ms: number;
  readonly to_ms: number | null;
  readonly reason: AbsenceReason;
}

/** What was recorded, per camera, cut to the time range that was asked for. */
export interface SpansReply {
  readonly cameras: Readonly<Record<string, { readonly spans: readonly Span[]; readonly gaps: readonly GapSpan[] }>>;
}

/** What a rebuild of the index found: the recordings there are now, and the rows that had no file. */
export interface RebuildReply {
  readonly segments: number;
  readonly bytes: number;
  readonly removed: number;
  readonly seconds: number;
}

/** A segment grew, or was finished. */
export interface WrittenNotice {
  readonly camera: string;
  /** Absolute, as it was named when it began. */
  readonly path: string;
  readonly closed: boolean;
}

/** Recording has stopped. The next segment of the camera ends the gap. */
export interface GapNotice {
  readonly camera: string;
  readonly sinceMs: number;
  readonly reason: GapReason;
}

/** What was or will be recorded between these times is footage of an event. Milliseconds since 1970. */
export interface MarkNotice {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** The subject of the alarm; null: something else. */
  readonly alarm: string | null;
}

/** An alarm was none: what only it had marked is footage of no event. */
export interface UnmarkNotice {
  readonly camera: string;
  readonly alarm: string;
  /** A time at which it lasted, milliseconds since 1970. */
  readonly atMs: number;
}

/** Results of a camera, to be kept beside its footage. */
export interface ResultsNotice {
  readonly camera: string;
  /** Beginning of the hour in which all of them were captured, milliseconds since 1970. */
  readonly hourMs: number;
  /** JSON, one result per line; every line has an end. */
  readonly lines: string;
}

/** Most bytes of {@link ResultsNotice.lines}. */
export const RESULTS_LIMIT: number = 256 * 1024;

/** Why recorders cannot write. */
export const ROOM_REASONS = ['full', 'read_only', 'unmounted', 'failed', 'slow'] as const;
/** See {@link ROOM_REASONS}. */
export type RoomReason = (typeof ROOM_REASONS)[number];

/** Where recorders may write now. */
export interface RoomNotice {
  /** One of the directories of the setup; null: nowhere. */
  readonly dir: string | null;
  /** Why they cannot write, or cannot write into the first directory. */
  readonly reason: RoomReason | null;
  /** The same as a sentence. */
  readonly message: string | null;
}

/** How far back the footage of a camera goes. Milliseconds. */
export interface CameraReach {
  /** The age of its oldest footage; null: it has none. */
  readonly keptMs: number | null;
  /** How far it can go back at the rate of the last day: about; null: not known, or nothing limits it. */
  readonly roomMs: number | null;
}

/** Counters of the footage process. `deleted…` and `lost…` count since its start. */
export interface FootageCounters {
  readonly segments: number;
  /** Of all recordings, those of events and the results beside them included. */
  readonly bytes: number;
  readonly eventBytes: number;
  /** On the file system that recorders write to, or else of the first directory. 0 while it does not answer. */
  readonly freeBytes: number;
  readonly deletedSegments: number;
  readonly deletedBytes: number;
  /** Files that disappeared without vigia. */
  readonly lostSegments: number;
  /** Segments that later ones cover completely, because the clock was set back. */
  readonly hiddenSegments: number;
  /** Results that could not be written, since its start. */
  readonly lostResults: number;
  /** When the oldest recording begins, milliseconds since 1970. */
  readonly oldestMs: number | null;
  /** Of each camera that is recorded, as of the last minute. Empty until all directories were listed. */
  readonly cameras: Readonly<Record<string, CameraReach>>;
}

/** Asks for a page of the stored events of a camera. Wall times, milliseconds since 1970: `toMs` is not included. */
export interface EventsAsk {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Only those stored after this id. */
  readonly after: string;
  /** 1 to `EVENTS_LIMIT`. */
  readonly limit: number;
}

/** The events, oldest first. */
export interface EventsReply {
  readonly events: readonly NodeEvent[];
}

/** A request and its reply. */
interface Request<Ask, Reply> {
  readonly ask: Schema<Ask>;
  readonly reply: Schema<Reply>;
}

/** Requests and notices from the node to the footage process. */
export interface NodeFootageWords {
  readonly requests: {
    /** Answered when the index is open. The files are compared with it afterwards. */
    readonly setup: Request<FootageSetup, null>;
    /** Changes what is kept, from the next check on. */
    readonly retention: Request<FootageLimits, null>;
    readonly spans: Request<SpansAsk, SpansReply>;
    /** Reads every file again. Answered when all of them are read: its deadline must allow for that. */
    readonly rebuild: Request<null, RebuildReply>;
  };
  readonly notices: {
    readonly written: Schema<WrittenNotice>;
    readonly gap: Schema<GapNotice>;
    readonly mark: Schema<MarkNotice>;
    readonly unmark: Schema<UnmarkNotice>;
    readonly results: Schema<ResultsNotice>;
  };
}

/** Requests and notices from the footage process to the node. The notices are repeated every second. */
export interface FootageWords {
  readonly requests: {
    /** Events as a viewer gets them who may see the camera. Refused with `no_store` when none are stored. */
    readonly events: Request<EventsAsk, EventsReply>;
  };
  readonly notices: {
    readonly room: Schema<RoomNotice>;
    readonly counters: Schema<FootageCounters>;
  };
}

const id = z.string().regex(ID_PATTERN);
const text = z.string().max(SENTENCE_LIMIT);
const count = z.int().min(0);
const bytes = z.number().min(0);
const wallMs = z.number().min(0).max(8.64e15);
const nothing = z.null();
/** In the order of keys of its schema, as clients read it. One that an older version stored is passed on unchanged. */
const event = z.union([nodeEventSchema, z.custom<NodeEvent>((value) => typeof value === 'object' && value !== null)]);

/** Checks a {@link CameraKeep}. */
export const cameraKeepSchema: z.ZodType<CameraKeep> = z.strictObject({
  keepMs: bytes.nullable(),
  keepEventsMs: bytes.nullable(),
  maxBytes: bytes.nullable(),
  maxEventBytes: bytes.nullable(),
});

const limits = {
  maxBytes: bytes.nullable(),
  minFreeBytes: bytes,
  cameras: z.record(id, cameraKeepSchema),
};

const setup: z.ZodType<FootageSetup> = z.strictObject({
  ...limits,
  node: z.string(),
  version: z.string(),
  boot: z.string(),
  stateDir: text,
  socketPath: text,
  dirs: z
    .array(z.strictObject({ path: text, maxBytes: bytes.nullable() }))
    .min(1)
    .max(DIRS_LIMIT),
  secrets: z.array(z.string()).optional(),
});

const span = z.strictObject({ from_ms: z.number(), to_ms: z.number(), event: z.boolean() });
const gapSpan = z.strictObject({
  from_ms: z.number(),
  to_ms: z.number().nullable(),
  reason: z.enum(ABSENCE_REASONS),
});

/** See {@link NodeFootageWords}. */
export const NODE_FOOTAGE_WORDS: NodeFootageWords = {
  requests: {
    setup: { ask: setup, reply: nothing },
    retention: { ask: z.strictObject(limits), reply: nothing },
    spans: {
      ask: z.strictObject({ camera: id.nullable(), fromMs: wallMs, toMs: wallMs }),
      reply: z.strictObject({
        cameras: z.record(z.string(), z.strictObject({ spans: z.array(span), gaps: z.array(gapSpan) })),
      }),
    },
    rebuild: {
      ask: nothing,
      reply: z.strictObject({ segments: count, bytes, removed: count, seconds: z.number().min(0) }),
    },
  },
  notices: {
    written: z.strictObject({ camera: id, path: text, closed: z.boolean() }),
    gap: z.strictObject({ camera: id, sinceMs: wallMs, reason: z.enum(GAP_REASONS) }),
    mark: z.strictObject({ camera: id, fromMs: wallMs, toMs: wallMs, alarm: text.nullable() }),
    unmark: z.strictObject({ camera: id, alarm: text, atMs: wallMs }),
    results: z.strictObject({ camera: id, hourMs: wallMs, lines: z.string().max(RESULTS_LIMIT) }),
  },
};

/** See {@link FootageWords}. */
export const FOOTAGE_WORDS: FootageWords = {
  requests: {
    events: {
      ask: z.strictObject({
        camera: id,
        fromMs: wallMs,
        toMs: wallMs,
        after: eventIdSchema,
        limit: z.int().min(1).max(EVENTS_LIMIT),
      }),
      reply: z.strictObject({ events: z.array(event).max(EVENTS_LIMIT) }),
    },
  },
  notices: {
    room: z.strictObject({
      dir: text.nullable(),
      reason: z.enum(ROOM_REASONS).nullable(),
      message: text.nullable(),
    }),
    counters: z.strictObject({
      segments: count,
      bytes,
      eventBytes: bytes,
      freeBytes: bytes,
      deletedSegments: count,
      deletedBytes: bytes,
      lostSegments: count,
      hiddenSegments: count,
      lostResults: count,
      oldestMs: z.number().nullable(),
      cameras: z.record(id, z.strictObject({ keptMs: bytes.nullable(), roomMs: bytes.nullable() })),
    }),
  },
};

import { z } from 'zod';
import type { NodeEvent } from './events.ts';
import type { ResultMessage } from './mqtt.ts';
import type { ConsumerReport } from './report.ts';

/** Statistics of a consumer, every 10 s. */
export interface ConsumerStatistics {
  readonly camera: string;
  readonly consumer: string;
  readonly report: ConsumerReport;
}

/** One item of the stream that a node's subscribers read. */
export type NodeItem =
  | { readonly type: 'result'; readonly result: ResultMessage }
  | { readonly type: 'stats'; readonly stats: ConsumerStatistics }
  | { readonly type: 'event'; readonly event: NodeEvent };

/** Widths that a tile picture may have, pixels. */
export const TILE_WIDTH: { readonly min: number; readonly max: number } = { min: 64, max: 640 };

/** What is known of a tile picture. */
export const tileStampsSchema = z.strictObject({
  /** Publish sequence of the frame when a consumer has analysed it, as in its result; null for any other frame. */
  seq: z.int().min(1).nullable(),
  /** RFC 3339, UTC. With `seq` it says which result belongs to the picture: `seq` starts again with each camera process. */
  captured_at: z.iso.datetime(),
  /** Milliseconds from capture to the moment at which the JPEG was ready; the least that it can be when it is uncertain. */
  age_ms: z.number().min(0),
  age_certain: z.boolean(),
  /** Pixels. */
  width: z.int().min(1).max(TILE_WIDTH.max),
  height: z.int().min(1).max(4096),
});
/** See {@link tileStampsSchema}. */
export type TileStamps = Readonly<z.infer<typeof tileStampsSchema>>;

/** The header of a binary message on `GET /api/v1/stream`; a JPEG follows it. */
export const tileHeaderSchema = tileStampsSchema.extend({ type: z.literal('picture'), camera: z.string() });
/** See {@link tileHeaderSchema}. */
export type TileHeader = Readonly<z.infer<typeof tileHeaderSchema>>;

/** The answers of one consumer in the last minute. */
export const answerSummarySchema = z.strictObject({
  /** Since when all of them are here: less than a minute ago after a start. Milliseconds. */
  complete_ms: z.number().min(0),
  /**
   * Oldest first: the age of its picture when it was decided, null when it is not `ok`; objects in it; milliseconds since then.
   * Answers within 111 ms are one.
   */
  answers: z.array(z.tuple([z.number().min(0).nullable(), z.int().min(0), z.number().min(0)])),
});
/** See {@link answerSummarySchema}. */
export type AnswerSummary = z.infer<typeof answerSummarySchema>;

/** `types=summary`: a message for each consumer when the stream begins. */
export const summaryMessageSchema = answerSummarySchema.extend({
  type: z.literal('summary'),
  camera: z.string(),
  consumer: z.string(),
  /** When it was put together. RFC 3339, UTC. */
  at: z.iso.datetime(),
});
/** See {@link summaryMessageSchema}. */
export type SummaryMessage = Readonly<z.infer<typeof summaryMessageSchema>>;

/** `types=now`: once a second. A client takes its clock from it, and knows that the node is there. */
export const nowMessageSchema = z.strictObject({
  type: z.literal('now'),
  /** RFC 3339, UTC. */
  at: z.iso.datetime(),
  /** The node's monotonic clock, milliseconds: it never goes back. */
  monotonic_ms: z.number(),
});
/** See {@link nowMessageSchema}. */
export type NowMessage = Readonly<z.infer<typeof nowMessageSchema>>;

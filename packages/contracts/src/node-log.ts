import { z } from 'zod';

/** Levels of a log, the least important first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** The most records of one answer. */
const LOGS_LIMIT = 1_000;
const LOGS_DEFAULT = 200;

/** Which records of a node's log to read. */
export interface LogQuery {
  /**
   * Only records after this number, the oldest first. A number that the node has not given yet belongs to an earlier
   * run: it stands for 0. Undefined: the newest records.
   */
  readonly after?: number | undefined;
  /** At most so many records, 1 to 1000. */
  readonly limit: number;
  /** This level and above. */
  readonly level: (typeof LOG_LEVELS)[number];
}

/** The query of `GET /api/v1/logs`: text, as in an address. */
export const logQuerySchema = z.strictObject({
  after: z.coerce.number<string | number>().int().min(0).optional(),
  limit: z.coerce.number<string | number>().int().min(1).max(LOGS_LIMIT).default(LOGS_DEFAULT),
  level: z.enum(LOG_LEVELS).default('debug'),
});

const logEntrySchema = z.strictObject({
  /** Counts the records of a run, from 1. */
  number: z.int().min(1),
  /** RFC 3339, UTC. */
  time: z.string(),
  level: z.enum(LOG_LEVELS),
  /** `supervisor`, `camera:hall`, `camera:hall/falls`, `model:ssdlite`. */
  source: z.string(),
  /** One line, without secrets and control characters. */
  message: z.string(),
});
/** One record of a node's log. */
export type LogEntry = z.infer<typeof logEntrySchema>;

/** `GET /api/v1/logs`. */
export const logAnswerSchema = z.strictObject({
  records: z.array(logEntrySchema),
  /** Records after `after`, of any level, that the node no longer has. */
  lost: z.int().min(0),
  /** The `after` of the next question. */
  next: z.int().min(0),
});
/** See {@link logAnswerSchema}. */
export type LogAnswer = z.infer<typeof logAnswerSchema>;

import { z } from 'zod';
import { ID_PATTERN } from './config.ts';
import { EVENT_ID_LENGTH, EVENT_KINDS, SEVERITIES, type Severity } from './events.ts';

/** Which events to read, oldest first. */
export interface EventQuery {
  /** Only events stored after this one. An id that is no longer stored stands for its time. */
  readonly after?: string | undefined;
  readonly camera?: string | undefined;
  readonly kinds?: readonly string[] | undefined;
  /** This severity and above. */
  readonly severity?: Severity | undefined;
  /** Inclusive, milliseconds since 1970. */
  readonly fromMs?: number | undefined;
  /** Exclusive. */
  readonly toMs?: number | undefined;
  /** 1 to {@link EVENTS_LIMIT}. */
  readonly limit: number;
}

/** The most events of one answer. */
export const EVENTS_LIMIT = 1_000;
const EVENTS_DEFAULT = 100;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** The query of `GET /api/v1/events`: text, as in an address. */
export const eventQuerySchema: z.ZodType<EventQuery> = z
  .strictObject({
    after: z.string().length(EVENT_ID_LENGTH).optional(),
    camera: z.string().regex(ID_PATTERN).optional(),
    kind: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(EVENT_KINDS)))
      .optional(),
    severity: z.enum(SEVERITIES).optional(),
    from: time.optional(),
    to: time.optional(),
    limit: z.coerce.number().int().min(1).max(EVENTS_LIMIT).default(EVENTS_DEFAULT),
  })
  .transform(({ kind, from, to, ...rest }) => ({ ...rest, kinds: kind, fromMs: from, toMs: to }));

import { z } from 'zod';
import { ID_PATTERN } from './ids.ts';
import { EVENT_ID_LENGTH, EVENT_KINDS, eventIdSchema, SEVERITIES, type Severity } from './events.ts';

/** Which events to read. */
export interface EventQuery {
  /** In place of everything else: this one. */
  readonly id?: string | undefined;
  /** Only events stored after this one. An id that is no longer stored stands for its time. */
  readonly after?: string | undefined;
  /** Only events stored before this one. An id that is no longer stored stands for its time. */
  readonly before?: string | undefined;
  /** The newest of these, newest first. Default: the oldest, oldest first. */
  readonly newest?: boolean | undefined;
  readonly camera?: string | undefined;
  /** In place of `camera`: of these only. */
  readonly cameras?: readonly string[] | undefined;
  readonly kinds?: readonly string[] | undefined;
  /** Only those of kind `audit` whose change was about one of these: ids of events, cameras, users. */
  readonly about?: readonly string[] | undefined;
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
/** Matching events are counted up to here. */
export const EVENT_COUNT_LIMIT = 10_000;
/** Before every event: `after` of who wants all of them. */
export const BEFORE_ALL_EVENTS = '0'.repeat(EVENT_ID_LENGTH);

const time = z.iso.datetime({ offset: true });

/** Parameters of `GET /api/v1/events`, as in an address. */
export const eventQueryFields = z.strictObject({
  after: eventIdSchema
    .optional()
    .describe('Only events stored after this id, oldest first. An id that is no longer stored stands for its time.'),
  before: eventIdSchema.optional().describe('Only events stored before this id.'),
  camera: z.string().regex(ID_PATTERN).optional(),
  kind: z
    .string()
    .regex(/^[a-z_]+(?:,[a-z_]+)*$/)
    .optional()
    .describe(`One or more of ${EVENT_KINDS.join(', ')}; separated by commas.`),
  severity: z.enum(SEVERITIES).optional().describe('This severity and above.'),
  from: time.optional().describe('Inclusive.'),
  to: time.optional().describe('Exclusive.'),
  limit: z.coerce.number<string | number>().int().min(1).max(EVENTS_LIMIT).default(EVENTS_DEFAULT),
  count: z
    .enum(['1'])
    .optional()
    .describe('Also count what matches camera, kind, severity, from and to, on this page or not.'),
});

/** The query that {@link eventQueryFields} describe. */
export const eventQuerySchema: z.ZodType<EventQuery, z.input<typeof eventQueryFields>> = eventQueryFields
  .extend({
    kind: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(EVENT_KINDS)))
      .optional(),
  })
  .omit({ count: true })
  .transform(({ kind, from, to, ...rest }) => ({
    ...rest,
    // Who continues reads on; everybody else wants to know what happened lately.
    newest: rest.after === undefined,
    kinds: kind,
    fromMs: from === undefined ? undefined : Date.parse(from),
    toMs: to === undefined ? undefined : Date.parse(to),
  }));

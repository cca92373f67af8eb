import { z } from 'zod';

/**
 * What is known of somebody who fell. `down`: seen lying. `recovered`: seen upright again. `gone`: nobody is seen any
 * more. `blind`: results stopped, so nobody knows.
 */
const FALL_STATES = ['down', 'recovered', 'gone', 'blind'] as const;

/** See {@link fallDataSchema}. */
const FALL_REASONS = ['fall', 'long_lie'] as const;

const share = z.number().min(0).max(1);

/** What somebody found who went. */
export const ALARM_OUTCOMES = ['helped_up', 'no_pain', 'injured', 'doctor_called', 'not_a_fall', 'other'] as const;
/** See {@link ALARM_OUTCOMES}. */
export type AlarmOutcome = (typeof ALARM_OUTCOMES)[number];
const NOTE_LIMIT = 500;

/** What somebody says of an alarm who went to see. */
export const findingSchema = z.strictObject({
  outcome: z.enum(ALARM_OUTCOMES).optional(),
  note: z
    .string()
    .max(NOTE_LIMIT)
    // No control characters.
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u)
    .optional()
    .describe('In their own words, at most 500 characters.'),
});
/** See {@link findingSchema}. */
export type Finding = Readonly<z.infer<typeof findingSchema>>;

/** Somebody knows of an alarm. */
export const acknowledgedSchema = z.strictObject({
  /** RFC 3339, UTC. */
  at: z.iso.datetime(),
  /** For people: `control socket (user care)`, `anna (127.0.0.1)`. */
  by: z.string(),
  /** What was found, once somebody said it. */
  ...findingSchema.shape,
});
/** See {@link acknowledgedSchema}. */
export type Acknowledged = Readonly<z.infer<typeof acknowledgedSchema>>;

/** What a fall was recognised by. */
const evidenceSchema = z.strictObject({
  /** How far the top of the body fell, in body heights; null: it was not seen to fall. */
  drop: z.number().nullable(),
  /** Width of the box divided by its height, in pixels of the picture. */
  shape: z.number(),
  /** Height of the standing body, or length of one that was never seen upright, 0..1 of the picture's height. */
  body_height: z.number(),
  /** How often the body was seen down. */
  sightings: z.int().min(0),
  /** Of these, second looks. */
  looks: z.int().min(0),
});

/**
 * What an event of kind `fall` says. At a `start` the state is `down`, at an `update` `down` or `blind`, at an `end`
 * another than `down`.
 */
export const fallDataSchema = z.strictObject({
  state: z.enum(FALL_STATES),
  /** Why the alarm began: `fall`, or `long_lie`: on the floor for long, however they got there. */
  reason: z.enum(FALL_REASONS),
  /** One sentence. */
  message: z.string(),
  /** Capture time of the frame that decided, RFC 3339, UTC. */
  captured_at: z.iso.datetime(),
  /** Age of that frame when it was decided. Milliseconds. */
  age_ms: z.number().min(0),
  /** For how long the body has been down. Milliseconds. */
  down_ms: z.number().min(0),
  evidence: evidenceSchema,
  /** Who has acknowledged the alarm, and when; absent: nobody. */
  acknowledged: acknowledgedSchema.optional(),
  /** Left, top, right and bottom edge of the body when it was last seen, 0..1 of the whole picture; null: unknown. */
  bbox: z.tuple([share, share, share, share]).nullable(),
});
/** See {@link fallDataSchema}. */
export type FallData = z.infer<typeof fallDataSchema>;

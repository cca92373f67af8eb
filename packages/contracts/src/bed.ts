import { z } from 'zod';
import { acknowledgedSchema } from './fall.ts';

/**
 * What is known of a bed. `unknown`: nobody was seen to get in or out. `in`: somebody lies in it, or was seen to get in and not to
 * leave. `sitting`: sits up in it. `edge`: sits on its edge. `out`: was in it, and left. `blind`: results stopped.
 */
export const BED_STATES = ['unknown', 'in', 'sitting', 'edge', 'out', 'blind'] as const;

/** Why there is an alarm: sits up, sits on the edge, is out, or is out for too long. */
export const BED_ALARMS = ['sitting', 'edge', 'out', 'away'] as const;

const share = z.number().min(0).max(1);

/** What an event of kind `bed` says. Its phase is null when there is no alarm: the bed has another state. */
export const bedDataSchema = z.strictObject({
  state: z.enum(BED_STATES),
  /** Null: there is no alarm. */
  reason: z.enum(BED_ALARMS).nullable(),
  /** One sentence. */
  message: z.string(),
  /** Capture time of the frame that decided, RFC 3339, UTC. */
  captured_at: z.iso.datetime(),
  /** Age of that frame when it was decided. Milliseconds. */
  age_ms: z.number().min(0),
  /** For how long the state has been seen; null: results never showed another one. Milliseconds. */
  since_ms: z.number().min(0).nullable(),
  /** For how long who was in the bed has been away; null: is not. Milliseconds. */
  away_ms: z.number().min(0).nullable(),
  /** Who has acknowledged the alarm, and when; absent: nobody. */
  acknowledged: acknowledgedSchema.optional(),
  /** Left, top, right and bottom edge of who decided, 0..1 of the whole picture; null: nobody was seen. */
  bbox: z.tuple([share, share, share, share]).nullable(),
});
/** See {@link bedDataSchema}. */
export type BedData = z.infer<typeof bedDataSchema>;

import { z } from 'zod';
import { acknowledgedSchema } from './fall.ts';

/** What is known of a zone. `occupied`: somebody is seen there, or was lately and not to leave. `empty`: nobody is seen. `blind`: results stopped, or began just now. */
export const VISIT_STATES = ['occupied', 'empty', 'blind'] as const;

/** Why there is an alarm: somebody is there, too many are, or nobody was for too long. */
export const VISIT_ALARMS = ['occupied', 'crowded', 'empty'] as const;

const share = z.number().min(0).max(1);

/** What an event of kind `visit` says. Its phase is null when there is no alarm: somebody came, the last one is gone, or nobody knows. */
export const visitDataSchema = z.strictObject({
  state: z.enum(VISIT_STATES),
  /** Null: there is no alarm. */
  reason: z.enum(VISIT_ALARMS).nullable(),
  /** One sentence. */
  message: z.string(),
  /** Capture time of the frame that decided, RFC 3339, UTC. */
  captured_at: z.iso.datetime(),
  /** Age of that frame when it was decided. Milliseconds. */
  age_ms: z.number().min(0),
  /** How many people are seen there. */
  people: z.int().min(0),
  /** The visit that goes on, or the newest one: from the first one who came until the last one was seen, and the most at once. Null: nobody came. */
  visit: z
    .strictObject({
      entered_at: z.iso.datetime(),
      last_seen_at: z.iso.datetime(),
      most_people: z.int().min(0),
    })
    .nullable(),
  /** For how long nobody has been seen there, since the camera's process began at most. Milliseconds. */
  unseen_ms: z.number().min(0),
  /** Who has acknowledged the alarm, and when; absent: nobody. */
  acknowledged: acknowledgedSchema.optional(),
  /** Left, top, right and bottom edge of somebody where they were last seen there, 0..1 of the whole picture; null: nobody was. */
  bbox: z.tuple([share, share, share, share]).nullable(),
});
/** See {@link visitDataSchema}. */
export type VisitData = z.infer<typeof visitDataSchema>;

import { z } from 'zod';

const DURATION = /^(\d{1,6})(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,9}(?:\.\d{1,3})?)(MB|GB|TB)$/;
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/** Milliseconds of a duration such as `10s`, `20m`, `30d`. @throws RangeError for a text that is none. */
export function durationMs(text: string): number {
  const [, count, unit = ''] = DURATION.exec(text) ?? [];
  if (count === undefined) throw new RangeError(`"${text}" is no duration`);
  return Number(count) * (MS[unit] as number);
}

/** Bytes of a size such as `500MB`, `1.5TB` (powers of ten). @throws RangeError for a text that is none. */
export function sizeBytes(text: string): number {
  const [, count, unit = ''] = SIZE.exec(text) ?? [];
  if (count === undefined) throw new RangeError(`"${text}" is no size`);
  return Math.round(Number(count) * (BYTES[unit] as number));
}

const duration = (mostMs: number, most: string): z.ZodString =>
  z
    .string()
    .regex(DURATION, 'a duration is a whole number and ms, s, m, h or d, such as 20s or 30d')
    .refine((text) => !DURATION.test(text) || durationMs(text) <= mostMs, `at most ${most}`);
const size = z.string().regex(SIZE, 'a size is a number and MB, GB or TB, such as 400GB');
const keep = duration(3_650 * 86_400_000, '3650d');

/** `record` of a camera. */
export const recordSchema = z.strictObject({
  mode: z
    .enum(['always', 'on_event', 'never'])
    .default('always')
    .describe('`on_event`: only around events, with the seconds before from memory.'),
  before: duration(120_000, '120s').default('10s').describe('Of an event: what is recorded before it. At most 120s.'),
  after: duration(3_600_000, '1h').default('20s').describe('And after it. At most 1h.'),
  on: z
    .array(z.string().min(1).max(64))
    .max(64)
    .default([])
    .describe('Classes whose detection is an event too, such as `person`. Alarms of the camera always are.'),
  keep: keep.optional().describe('How long footage is kept. Default: until the budget of `storage` needs the room.'),
  keep_events: keep.optional().describe('The same of footage of events. Default: as `keep`.'),
  max_bytes: size.optional().describe('Most bytes of this camera’s footage.'),
  max_event_bytes: size.optional().describe('Most bytes of its footage of events.'),
});

const archiveSchema = z.strictObject({
  path: z.string().min(1).describe('A directory. It must exist.'),
  max_bytes: size.optional().describe('Most bytes that footage may take there.'),
});

/** `storage`: where recordings go. */
export const storageSchema = z.strictObject({
  path: z.string().min(1).optional().describe('Where footage is written. Default: `footage` in the data directory.'),
  max_bytes: size.optional().describe('Most bytes that all footage may take. Default: what `min_free` leaves.'),
  min_free: size.default('1GB').describe('What stays free on each disk: below it the oldest footage goes.'),
  durability: z
    .enum(['process', 'power'])
    .default('process')
    .describe('What a recording survives: a killed process, or also a power cut (each fragment is synced).'),
  cameras_per_process: z
    .int()
    .min(1)
    .max(32)
    .default(8)
    .describe('Most recorded cameras whose connections one process holds: with it, all of them pause for a moment.'),
  archive: z
    .array(archiveSchema)
    .max(8)
    .default([])
    .describe('Slower directories to which the oldest footage moves when `path` is full.'),
});

/** See {@link recordSchema}. */
export type RecordConfig = z.infer<typeof recordSchema>;
/** See {@link storageSchema}. */
export type StorageConfig = z.infer<typeof storageSchema>;

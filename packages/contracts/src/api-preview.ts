import { z } from 'zod';
import type { ApiRoute } from './api-route.ts';
import { BED_ALARMS, BED_STATES } from './bed.ts';
import { ID_RULE, rulesSchema, zoneSchema } from './config-rules.ts';
import { ID_PATTERN } from './ids.ts';
import { VISIT_ALARMS, VISIT_STATES } from './visit.ts';

/** Rules that need results only. Falls need pictures. */
export const PREVIEWED_RULES = ['bed', 'visits'] as const;
/** See {@link PREVIEWED_RULES}. */
export type PreviewedRule = (typeof PREVIEWED_RULES)[number];

/** Bounds of a preview. */
export const PREVIEW_LIMITS = {
  /** Longest range: the day on which clocks are set back. Milliseconds. */
  rangeMs: 25 * 3_600_000,
  /** Zones that are tried. */
  zones: 64,
  /** Entries of each list of the answer; further ones are counted. */
  listed: 500,
} as const;

const id = z.string().regex(ID_PATTERN, ID_RULE);
const time = z.string().min(1).max(40);
const ms = z.number();
const count = z.int().min(0);
const side = z.int().min(16).max(8192);

/** What is tried. */
export const previewRulesSchema = z.strictObject({
  camera: id,
  rule: z.enum(PREVIEWED_RULES).describe('What is played: falls need pictures, and cannot be.'),
  from: time.optional().describe('RFC 3339, or milliseconds since 1970. Default: an hour before `to`.'),
  to: time.optional().describe('At most 25 hours later. Default, and the latest: now.'),
  zones: z
    .record(id, zoneSchema)
    .refine((zones) => Object.keys(zones).length <= PREVIEW_LIMITS.zones, `at most ${PREVIEW_LIMITS.zones} zones`)
    .optional()
    .describe('All zones of the camera, as in its configuration. Default: those in use.'),
  rules: rulesSchema
    .optional()
    .describe('Its rules, as in its configuration; only `rule` of them is played. Default: those in use.'),
  size: z
    .strictObject({ width: side, height: side })
    .optional()
    .describe('Of its pictures, pixels. Needed while nobody knows it, because the camera has not sent.'),
});
/** See {@link previewRulesSchema}. */
export type PreviewRules = Readonly<z.infer<typeof previewRulesSchema>>;

/** What a rule with some zones would have reported. Times are milliseconds since 1970. */
const playedSchema = z.strictObject({
  consumer: z.string().describe('Whose results it follows.'),
  results: count.describe('That were played: `ok` ones.'),
  gaps: z.array(z.strictObject({ from_ms: ms, to_ms: ms })).describe('5 s and more without results.'),
  alarms: z.array(
    z.strictObject({
      zone: z.string(),
      reason: z.enum([...BED_ALARMS, ...VISIT_ALARMS]).describe('Of a bed: the gravest one that it had.'),
      from_ms: ms,
      to_ms: ms.nullable().describe('Null: it lasts at the end of the range.'),
    }),
  ),
  changes: z
    .array(
      z.strictObject({
        at_ms: ms,
        zone: z.string(),
        state: z.enum([...new Set([...BED_STATES, ...VISIT_STATES])]).describe('As in events of the kind.'),
        since_ms: ms.nullable().describe('When it was first seen. Null: nobody knows.'),
        visit: z
          .strictObject({ entered_ms: ms, last_seen_ms: ms, most_people: count })
          .nullable()
          .describe('The one that goes on, or has ended. Null: none, or of a bed.'),
      }),
    )
    .describe('Events that are no alarms: other states of the bed, or of the zones.'),
  left_out: z
    .strictObject({ gaps: count, alarms: count, changes: count })
    .describe(`How many more there were of each: a list has the first ${PREVIEW_LIMITS.listed}.`),
});
/** See {@link playedSchema}. */
export type PlayedRules = z.infer<typeof playedSchema>;

/** The answer. */
const previewSchema = z.strictObject({
  camera: z.string(),
  rule: z.enum(PREVIEWED_RULES),
  from_ms: ms,
  to_ms: ms,
  now: playedSchema.nullable().describe('With the zones and the rule in use. Null: the camera has no such rule.'),
  would: playedSchema.nullable().describe('With those of the request. Null: it has neither.'),
});
/** See {@link previewSchema}. */
export type RulesPreview = z.infer<typeof previewSchema>;

/** The route that tries rules: part of `RECORDINGS_API`. */
export const PREVIEW_API = {
  previewRules: {
    method: 'POST',
    path: '/api/v1/rules/preview',
    summary:
      'What other zones and rules of a camera would have reported over its stored results, beside those in use. Changes nothing.',
    reads: true,
    role: 'viewer',
    scope: 'cameras',
    body: { schema: previewRulesSchema, as: 'json' },
    answer: previewSchema,
    refusals: [404, 409, 503],
  },
} as const satisfies Record<string, ApiRoute>;

import type { Schema } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { PREVIEWED_RULES, type PreviewedRule } from '@vigia/contracts/api';
import { z } from 'zod';
import { type BedRuleSetup, bedRuleSchema, type VisitRuleSetup, visitRuleSchema } from '#core/camera-link';

/** A rule that is played to stored results. */
export type PreviewRule = { readonly bed: BedRuleSetup } | { readonly visits: VisitRuleSetup };

/** What the footage process must know to preview rules: the body of `POST /{camera}/preview` on the socket of playback. */
export interface PreviewTask {
  readonly camera: string;
  readonly rule: PreviewedRule;
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Width of the camera's pictures by their height. */
  readonly aspect: number;
  /** With the zones in use; null: the camera has no such rule. */
  readonly now: PreviewRule | null;
  /** With those that are tried; null: none are. */
  readonly would: PreviewRule | null;
}

/** Longest {@link PreviewTask}, bytes of JSON. */
export const PREVIEW_TASK_LIMIT: number = 1024 * 1024;

const wallMs = z.number().min(0).max(8.64e15);
const rule: z.ZodType<PreviewRule> = z.union([
  z.strictObject({ bed: bedRuleSchema }),
  z.strictObject({ visits: visitRuleSchema }),
]);

/** Checks a {@link PreviewTask}. */
export const previewTaskSchema: Schema<PreviewTask> = z.strictObject({
  camera: z.string().regex(ID_PATTERN),
  rule: z.enum(PREVIEWED_RULES),
  fromMs: wallMs,
  toMs: wallMs,
  aspect: z.number().gt(0),
  now: rule.nullable(),
  would: rule.nullable(),
});

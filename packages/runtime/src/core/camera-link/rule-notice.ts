import { printable } from '@vigia/base';
import {
  type BedData,
  bedDataSchema,
  type FallData,
  fallDataSchema,
  ID_PATTERN,
  type NodeEventOf,
} from '@vigia/contracts';
import { z } from 'zod';

/** Longest sentence, characters. */
const SENTENCE_LIMIT = 4_096;

/** What a camera's fall rule reports about one person. */
export interface FallNotice {
  readonly kind: 'fall';
  /** Number of the person, from 1. A later process of the camera may give it to somebody else. */
  readonly person: number;
  readonly phase: NonNullable<NodeEventOf<'fall'>['phase']>;
  /** The consumer whose results decided. */
  readonly from: string;
  readonly data: FallData;
}

/** What a camera's bed rule reports about a bed. */
export interface BedNotice {
  readonly kind: 'bed';
  /** Id of the zone. */
  readonly zone: string;
  /** Of an alarm; null: the bed has another state, and there is no alarm. */
  readonly phase: NodeEventOf<'bed'>['phase'];
  /** The consumer whose results decided. */
  readonly from: string;
  readonly data: BedData;
}

/** What a camera's rules report. */
export type RuleNotice = FallNotice | BedNotice;

/** Of the events about a person or a bed. */
export function ruleSubject(camera: string, notice: RuleNotice): string {
  return notice.kind === 'fall' ? `${camera}/person-${notice.person}` : `${camera}/${notice.zone}`;
}

/** What is slightly out of range is put right: for rounding nobody may be left lying. */
const share = z.number().overwrite((value) => Math.min(1, Math.max(0, value)));
const ms = z.number().overwrite((value) => Math.max(0, value));
const id = z.string().regex(ID_PATTERN);
const sentence = z.string().max(SENTENCE_LIMIT).overwrite(printable);
const bbox = z.tuple([share, share, share, share]).nullable();

/** Checks a {@link RuleNotice}. */
export const ruleNoticeSchema: z.ZodType<RuleNotice> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('fall'),
    person: z.int().min(1),
    phase: z.enum(['start', 'update', 'end']),
    from: id,
    data: fallDataSchema.extend({ message: sentence, age_ms: ms, down_ms: ms, bbox }),
  }),
  z.strictObject({
    kind: z.literal('bed'),
    zone: id,
    phase: z.enum(['start', 'update', 'end']).nullable(),
    from: id,
    data: bedDataSchema.extend({
      message: sentence,
      age_ms: ms,
      since_ms: ms.nullable(),
      away_ms: ms.nullable(),
      bbox,
    }),
  }),
]);

import { printable } from '@vigia/base';
import {
  type BedData,
  bedDataSchema,
  type FallData,
  fallDataSchema,
  ID_PATTERN,
  type NodeEventOf,
  type VisitData,
  visitDataSchema,
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

/** What a camera's visits report about a zone. */
export interface VisitNotice {
  readonly kind: 'visit';
  /** Id of the zone. */
  readonly zone: string;
  /** Of an alarm; null: somebody came, or the last one went, and there is no alarm. */
  readonly phase: NodeEventOf<'visit'>['phase'];
  /** The consumer whose results decided. */
  readonly from: string;
  readonly data: VisitData;
}

/** What a camera's rules report. */
export type RuleNotice = FallNotice | BedNotice | VisitNotice;

/** What follows the zone in the subject of visits: a bed has a subject of its own. */
const VISITS = '/visits';

/** Of the events about a person, a bed, or the visits to a zone. */
export function ruleSubject(camera: string, notice: RuleNotice): string {
  switch (notice.kind) {
    case 'fall':
      return `${camera}/person-${notice.person}`;
    case 'bed':
      return `${camera}/${notice.zone}`;
    default:
      return `${camera}/${notice.zone}${VISITS}`;
  }
}

/** The zone of a subject of visits; undefined for other subjects. */
export function visitedZone(camera: string, subject: string): string | undefined {
  const isOne = subject.startsWith(`${camera}/`) && subject.endsWith(VISITS);
  return isOne ? subject.slice(camera.length + 1, -VISITS.length) : undefined;
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
  z.strictObject({
    kind: z.literal('visit'),
    zone: id,
    phase: z.enum(['start', 'update', 'end']).nullable(),
    from: id,
    data: visitDataSchema.extend({ message: sentence, age_ms: ms, unseen_ms: ms, bbox }),
  }),
]);

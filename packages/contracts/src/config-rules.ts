import { z } from 'zod';
import { BED_ALARMS } from './bed.ts';
import { durationMs } from './config-recording.ts';
import { ID_PATTERN } from './ids.ts';
import { VISIT_ALARMS } from './visit.ts';

/** What a zone is: see {@link zoneSchema}. */
export const ZONE_KINDS = ['floor', 'bed', 'chair', 'area', 'ignore', 'privacy'] as const;
/** See {@link ZONE_KINDS}. */
export type ZoneKind = (typeof ZONE_KINDS)[number];

const share = z.number().min(0).max(1);
/** A corner: from the left and from above, in shares of the whole picture. */
type Point = readonly [number, number];

/** A part of a camera's picture with a meaning. */
export const zoneSchema = z.strictObject({
  kind: z
    .enum(ZONE_KINDS)
    .describe(
      '`floor`: who lies here for long needs help. `bed`, `chair`: who lies here is where they belong. `area`: a place that only `visits` are about, such as a doorway or the surroundings of a machine. `ignore`: who is here is not judged, such as a mirror, a screen, a street behind a window. `privacy`: blacked out before any model, worker or snapshot sees it.',
    ),
  points: z
    .array(z.tuple([share, share]))
    .min(3)
    .max(32)
    .refine((points) => !crossesItself(points), 'the outline crosses itself: list the corners in their order around it')
    .refine((points) => crossesItself(points) || areaOf(points) >= 0.0001, 'the corners enclose nothing')
    .describe('Corners in order: from the left and from above, 0..1 of the whole picture. 3 to 32.'),
  recorded: z
    .boolean()
    .optional()
    .describe(
      'Of `privacy`: `true` where `record` stores the picture as the camera sends it, and so shows the zone. Without it, such a camera is refused.',
    ),
});
/** See {@link zoneSchema}. */
export type ZoneConfig = Readonly<z.infer<typeof zoneSchema>>;

/** Outlines of what is blacked out. */
export function privacyOf(zones: readonly ZoneConfig[]): ZoneConfig['points'][] {
  return zones.flatMap(({ kind, points }) => (kind === 'privacy' ? [points] : []));
}

/** What an id is, as a sentence. */
export const ID_RULE = 'an id is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit';
const from = z.string().regex(ID_PATTERN, ID_RULE).describe('A consumer of this camera: a model that finds persons.');

const alarmHours = z
  .string()
  .refine((text) => hoursOf(text) !== undefined, 'two times of the day, such as "21:00-07:00"')
  .optional()
  .describe(
    'When an alarm may begin, in the local time of the node, such as `"21:00-07:00"`: over midnight when the second is earlier. Default: always.',
  );

const fallRuleSchema = z.strictObject({
  from,
  long_lie: z
    .string()
    .refine(
      (text) => text === 'off' || isDuration(text, 3_000, 3_600_000),
      '`off`, or a duration from 3s to 1h, such as 10s',
    )
    .default('10s')
    .describe(
      'An alarm also for anybody who lies for so long outside of beds and chairs, however they got there. 3s to 1h, or `off`. Needs a zone of kind `floor` or `bed`: only a zone tells a floor from a bed.',
    ),
});

const bedRuleSchema = z.strictObject({
  from,
  zone: z
    .string()
    .regex(ID_PATTERN, ID_RULE)
    .describe('A zone of this camera, of kind `bed`: the bed that is watched.'),
  alarm: z
    .enum(BED_ALARMS)
    .default('away')
    .describe(
      'The first step of leaving the bed that is an alarm: `sitting`, sits up; `edge`, sits on its edge; `out`, has left it; `away`, has been out of it for `away`. Later steps are alarms, too; every step is an event.',
    ),
  away: z
    .string()
    .refine((text) => isDuration(text, 1_000, 43_200_000), 'a duration from 1s to 12h, such as 15m')
    .default('15m')
    .describe('How long somebody may be out of the bed. 1s to 12h.'),
  hours: alarmHours,
});

const visitZoneSchema = z
  .strictObject({
    alarm: z
      .enum(VISIT_ALARMS)
      .optional()
      .describe(
        'What is an alarm: `occupied`, somebody is there; `crowded`, at least `people` are; `empty`, nobody was seen there for `after`. Default: nothing; who comes and goes is an event all the same.',
      ),
    after: z
      .string()
      .refine((text) => isDuration(text, 0, 172_800_000), 'a duration from 0s to 48h, such as 3s')
      .optional()
      .describe(
        'For how long that must last until it is an alarm. 0s to 48h. Default: 0s of `occupied`, 3s of `crowded`; `empty` needs it.',
      ),
    people: z.int().min(2).max(100).optional().describe('Of `crowded`: from so many people on. 2 to 100.'),
    hours: alarmHours,
  })
  .refine(({ alarm, after }) => alarm !== 'empty' || (after !== undefined && isDuration(after, 10_000, 172_800_000)), {
    path: ['after'],
    error: '`alarm: empty` needs it: for how long nobody may be seen, from 10s on',
  })
  .refine(({ alarm, people }) => alarm !== 'crowded' || people !== undefined, {
    path: ['people'],
    error: '`alarm: crowded` needs it: from how many people on',
  })
  .refine(({ alarm, people }) => alarm === 'crowded' || people === undefined, {
    path: ['people'],
    error: 'only `alarm: crowded` has it',
  })
  .refine(({ alarm, after }) => alarm !== undefined || after === undefined, {
    path: ['after'],
    error: 'it is about an alarm: without `alarm` there is none',
  })
  .refine(({ alarm, hours: when }) => alarm !== undefined || when === undefined, {
    path: ['hours'],
    error: 'it is about an alarm: without `alarm` there is none',
  });

const visitRuleSchema = z.strictObject({
  from,
  zones: z
    .record(z.string().regex(ID_PATTERN, ID_RULE), visitZoneSchema)
    .refine((zones) => Object.keys(zones).length > 0, 'at least one zone is needed')
    .describe('Zones of this camera, by their ids: who comes and goes there is an event.'),
});

/** Minutes since midnight of `"21:00-07:00"`; undefined when it is something else, or no time at all. */
export function hoursOf(text: string): { readonly from: number; readonly to: number } | undefined {
  const found = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (!found) return undefined;
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = found.slice(1).map(Number);
  const hours = { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute };
  return hours.from === hours.to ? undefined : hours;
}

/** `rules` of a camera. */
export const rulesSchema = z.strictObject({
  fall: fallRuleSchema.optional().describe('Raises an alarm when somebody falls and stays down, or lies for long.'),
  bed: bedRuleSchema.optional().describe('Follows who is in a bed, and raises an alarm when they leave it.'),
  visits: visitRuleSchema
    .optional()
    .describe('Follows who comes into zones and leaves them, and raises alarms about it.'),
});

function isDuration(text: string, leastMs: number, mostMs: number): boolean {
  if (!/^\d{1,6}(?:ms|s|m|h)$/.test(text)) return false;
  const ms = durationMs(text);
  return ms >= leastMs && ms <= mostMs;
}

/** By the shoelace formula. */
function areaOf(points: readonly Point[]): number {
  let twice = 0;
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length] as Point;
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

/** Whether two edges that are no neighbours meet. */
function crossesItself(points: readonly Point[]): boolean {
  const corner = (i: number): Point => points[i % points.length] as Point;
  for (let i = 0; i < points.length; i += 1)
    for (let j = i + 2; j < points.length; j += 1) {
      const areNeighbours = i === 0 && j === points.length - 1;
      if (!areNeighbours && meet(corner(i), corner(i + 1), corner(j), corner(j + 1))) return true;
    }
  return false;
}

/** Whether each of two edges has the ends of the other on both sides. */
function meet(a: Point, b: Point, c: Point, d: Point): boolean {
  const side = (p: Point, q: Point, r: Point): number =>
    Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

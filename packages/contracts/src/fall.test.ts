import { expect, test } from 'vitest';
import { EVENT_KINDS, EVENT_VERSION, nodeEventSchema } from './events.ts';
import type { FallData } from './fall.ts';

const DATA: FallData = {
  state: 'down',
  reason: 'fall',
  message: 'somebody fell',
  captured_at: '2026-11-22T03:14:07.123Z',
  age_ms: 210.5,
  down_ms: 4_000,
  evidence: { drop: 0.7, shape: 2.1, body_height: 0.4, sightings: 9, looks: 2 },
  bbox: [0.1, 0.6, 0.5, 0.8],
};

function accepts(data: object, envelope: object = {}): boolean {
  const event = {
    v: EVENT_VERSION,
    id: '01M81GZV3E0K7Q5ZJ3T9W2R8XB',
    node: 'ward-3',
    boot: '01M81GZSCYHV1DFBG1T3ZG2KHA',
    at: '2026-11-22T03:14:07.400Z',
    camera: 'hall',
    consumer: 'people',
    kind: 'fall',
    phase: 'start',
    severity: 'alarm',
    subject: 'hall/person-1',
    data: { ...DATA, ...data },
    ...envelope,
  };
  return nodeEventSchema.safeParse(event).success;
}

test('a fall is a kind of event, in each of its phases and states', () => {
  expect(EVENT_KINDS).toContain('fall');
  for (const state of ['down', 'recovered', 'gone', 'blind']) expect(accepts({ state })).toBe(true);
  for (const phase of ['start', 'update', 'end']) expect(accepts({}, { phase })).toBe(true);
  expect(accepts({ bbox: null })).toBe(true);
});

test.each([
  ['a state of another kind', { state: 'live' }],
  ['no time', { captured_at: 'just now' }],
  ['an age below zero', { age_ms: -1 }],
  ['no duration', { down_ms: Number.POSITIVE_INFINITY }],
  ['evidence that is no number', { evidence: { ...DATA.evidence, drop: Number.NaN } }],
  ['half a sighting', { evidence: { ...DATA.evidence, sightings: 1.5 } }],
  ['more evidence', { evidence: { ...DATA.evidence, sound: 1 } }],
  ['a body outside the picture', { bbox: [0, 0, 1.1, 1] }],
  ['half a box', { bbox: [0, 0] }],
  ['a further key', { name: 'x' }],
])('refused is %s', (_, data) => {
  expect(accepts(data)).toBe(false);
});

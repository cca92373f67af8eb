import { expect, test } from 'vitest';
import { ruleNoticeSchema, ruleSubject, visitedZone } from './rule-notice.ts';
import { BED, FALL, VISIT } from '../../../test/support/notices.ts';

const withData = (data: object): unknown => ({ ...FALL, data: { ...FALL.data, ...data } });

test('a notice arrives as it was sent', () => {
  expect(ruleNoticeSchema.parse(FALL)).toEqual(FALL);
});

test('rounding loses no alarm: shares and times are brought into their range', () => {
  const { data } = ruleNoticeSchema.parse(withData({ bbox: [-0.001, 0.5, 1.02, 1], age_ms: -3, down_ms: -0.5 }));
  expect(data).toMatchObject({ bbox: [0, 0.5, 1, 1], age_ms: 0, down_ms: 0 });
});

test('the sentence is printable, and bounded', () => {
  expect(ruleNoticeSchema.parse(withData({ message: 'a\u001b[2J\nb' })).data.message).toBe('a\ufffd[2J b');
  expect(ruleNoticeSchema.safeParse(withData({ message: 'x'.repeat(4_097) })).success).toBe(false);
});

test.each([
  ['a person without a number', { ...FALL, person: 0.5 }],
  ['no phase', { ...FALL, phase: null }],
  ['a name that is no id', { ...FALL, from: 'a b' }],
  ['a further key', { ...FALL, more: 1 }],
  ['what is no number', withData({ down_ms: Number.NaN })],
])('refused is %s', (_, notice) => {
  expect(ruleNoticeSchema.safeParse(notice).success).toBe(false);
});

test('of a bed, an alarm or another state', () => {
  expect(ruleNoticeSchema.parse(BED)).toEqual(BED);
  const alarm = { ...BED, phase: 'start', data: { ...BED.data, reason: 'out', state: 'out', away_ms: -1 } };
  expect(ruleNoticeSchema.parse(alarm)).toMatchObject({ phase: 'start', data: { away_ms: 0 } });
});

test.each([
  ['a zone that is no id', { ...BED, zone: '../x' }],
  ['a zone of visits that is no id', { ...VISIT, zone: 'a/b' }],
  ['people that are no number', { ...VISIT, data: { ...VISIT.data, people: -1 } }],
  ['a state that is none', { ...BED, data: { ...BED.data, state: 'down' } }],
  ['a person', { ...BED, person: 1 }],
])('refused of a bed is %s', (_, notice) => {
  expect(ruleNoticeSchema.safeParse(notice).success).toBe(false);
});

test('visits are taken, put right where they are slightly out of range; their subject names the zone, and is that of no bed', () => {
  expect(ruleNoticeSchema.parse(VISIT)).toEqual(VISIT);
  expect(ruleNoticeSchema.parse({ ...VISIT, data: { ...VISIT.data, unseen_ms: -1 } })).toMatchObject({
    data: { unseen_ms: 0 },
  });
  const subject = ruleSubject('hall', VISIT);
  expect(subject).toBe('hall/kitchen/visits');
  expect(visitedZone('hall', subject)).toBe('kitchen');
  expect(visitedZone('hall', ruleSubject('hall', BED))).toBeUndefined();
  expect(visitedZone('yard', subject)).toBeUndefined();
});

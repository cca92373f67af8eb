import type { PlayedRules, RulesPreview } from '@vigia/contracts/api';
import { expect, test } from 'vitest';
import { gapsOf, isCutOff, lanesOf, rangeOf } from './zones-preview.ts';

const MINUTE = 60_000;

function played(parts: Partial<PlayedRules>): PlayedRules {
  const left_out = { gaps: 0, alarms: 0, changes: 0 };
  return { consumer: 'people', results: 10, gaps: [], alarms: [], changes: [], left_out, ...parts };
}

function change(
  minute: number,
  zone: string,
  state: PlayedRules['changes'][number]['state'],
): PlayedRules['changes'][number] {
  return { at_ms: minute * MINUTE, zone, state, since_ms: null, visit: null };
}

function previewOf(parts: Partial<RulesPreview>): RulesPreview {
  return { camera: 'room', rule: 'bed', from_ms: 0, to_ms: 60 * MINUTE, now: null, would: null, ...parts };
}

test('a bed: who lies in it, sits up and leaves, beside what the draft would have said', () => {
  const now = played({
    changes: [change(5, 'bed', 'in'), change(20, 'bed', 'sitting'), change(22, 'bed', 'out')],
    alarms: [{ zone: 'bed', reason: 'away', from_ms: 37 * MINUTE, to_ms: null }],
  });
  const would = played({ changes: [change(5, 'mum', 'in'), change(50, 'mum', 'blind')] });
  expect(lanesOf(previewOf({ now, would }), ['mum'], new Map([['bed', 'mum']]))).toEqual([
    {
      rule: 'bed',
      zone: 'mum',
      now: {
        spans: [
          { fromMs: 5 * MINUTE, toMs: 20 * MINUTE, tone: 'full' },
          { fromMs: 20 * MINUTE, toMs: 22 * MINUTE, tone: 'half' },
        ],
        alarms: [{ fromMs: 37 * MINUTE, reason: 'away' }],
        spentMs: 17 * MINUTE,
      },
      would: { spans: [{ fromMs: 5 * MINUTE, toMs: 50 * MINUTE, tone: 'full' }], alarms: [], spentMs: 45 * MINUTE },
    },
  ]);
});

test('what lasts ends with the range; zones do not mix; one in which nothing happened has its lane', () => {
  const changes = [change(10, 'door', 'occupied'), change(15, 'stove', 'occupied'), change(16, 'door', 'empty')];
  const lanes = lanesOf(previewOf({ rule: 'visits', now: played({ changes }) }), ['door', 'stove', 'sink'], new Map());
  expect(lanes.map(({ zone, now }) => [zone, now.spentMs / MINUTE])).toEqual([
    ['door', 6],
    ['stove', 45],
    ['sink', 0],
  ]);
  // Nothing was tried: it would be as it is.
  for (const { now, would } of lanes) expect(would).toEqual(now);
});

test('what is not known is said', () => {
  const now = played({ gaps: [{ from_ms: MINUTE, to_ms: 3 * MINUTE }] });
  expect(gapsOf(previewOf({ now }))).toEqual([{ fromMs: MINUTE, toMs: 3 * MINUTE }]);
  expect(isCutOff(previewOf({ now }))).toBe(false);
  const would = played({ left_out: { gaps: 0, alarms: 0, changes: 7 } });
  expect(isCutOff(previewOf({ now, would }))).toBe(true);
});

test('the last night is the one that is over, or as much of it as is over', () => {
  const at = (text: string): number => new Date(text).getTime();
  const local = (text: string): string => new Date(text).toISOString();
  const evening = local('2026-11-24T22:00:00');
  expect(rangeOf('night', at('2026-11-25T14:00:00'))).toEqual({ from: evening, to: local('2026-11-25T07:00:00') });
  expect(rangeOf('night', at('2026-11-25T03:14:00'))).toEqual({ from: evening, to: local('2026-11-25T03:14:00') });
  expect(rangeOf('night', at('2026-11-25T22:30:00'))).toEqual({
    from: local('2026-11-25T22:00:00'),
    to: local('2026-11-25T22:30:00'),
  });
  expect(rangeOf('hour', at('2026-11-25T03:14:00'))).toEqual({
    from: local('2026-11-25T02:14:00'),
    to: local('2026-11-25T03:14:00'),
  });
});

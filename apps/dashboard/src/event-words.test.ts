import type { NodeEvent } from '@vigia/contracts';
import { EVENT_KINDS } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { eventIcon, eventName, eventSentence, figuresOf } from './event-words.ts';
import { EN } from './texts-en.ts';

const event = (kind: NodeEvent['kind'], data: object): NodeEvent => ({ kind, data }) as unknown as NodeEvent;

test('every kind has a name, a sentence and an icon', () => {
  const data = { state: 'blind', reason: null, message: 'said', changes: ['a'], by: 'anna', action: 'b', target: null };
  for (const kind of EVENT_KINDS) {
    expect(Object.values(EN)).toContain(eventName(event(kind, data)));
    expect(eventSentence(event(kind, data))).not.toBe('');
    expect(eventIcon(event(kind, data))).toBeTruthy();
  }
});

test('alarms are called by their reason, states by themselves', () => {
  expect(eventName(event('fall', { reason: 'long_lie' }))).toBe('On the floor');
  expect(eventName(event('bed', { reason: 'away', state: 'blind' }))).toBe('Away from bed');
  expect(eventName(event('bed', { reason: null, state: 'out' }))).toBe('Out of bed');
  expect(eventName(event('visit', { reason: 'empty', state: 'empty' }))).toBe('Nobody seen for long');
  expect(eventName(event('visit', { reason: null, state: 'empty' }))).toBe('Nobody there');
  expect(eventName(event('audit', { outcome: 'refused' }))).toBe('Refused');
});

test('sentences of what has none', () => {
  expect(eventSentence(event('audit', { by: 'anna', action: 'restartCamera', target: 'hall' }))).toBe(
    'anna: restartCamera hall',
  );
  expect(eventSentence(event('camera_state', { state: 'waiting', message: 'no route', reason: 'away' }))).toBe(
    'waiting (no route)',
  );
  expect(eventSentence(event('model_state', { model: 'ssd', state: 'ready', reason: null }))).toBe('ssd: ready');
});

test('the numbers of a fall; a drop that was not seen is not claimed', () => {
  const evidence = { drop: 0.7, shape: 2.14, body_height: 0.4, sightings: 5, looks: 3 };
  const fall = { down_ms: 1_240, age_ms: 54.4, evidence };
  expect(figuresOf(event('fall', fall)).map(([key, value]) => [EN[key], value])).toEqual([
    ['Down for', '1.2 s'],
    ['Drop of the body', '70 %'],
    ['Width by height', '2.1'],
    ['Seen down, times', '5'],
    ['Of these by second looks', '3'],
    ['Picture age then', '54 ms'],
  ]);
  const lie = { ...fall, evidence: { ...evidence, drop: null } };
  expect(figuresOf(event('fall', lie)).map(([key]) => key)).not.toContain('ev.f.drop');
});

import { expect, test } from 'vitest';
import { AlarmSound, type Heard } from './alarm-sound.ts';

const CALM: Heard = { alarms: [], isBlind: false };
const BLIND: Heard = { alarms: [], isBlind: true };
const fall = (forMs: number, ...more: string[]): Heard => ({
  alarms: ['room-4/person-3', ...more].map((subject) => ({ subject, forMs })),
  isBlind: true,
});

/** What was heard, as `second tone`, when the page looked each half second. */
function heard(sound: AlarmSound, fromS: number, toS: number, at: (second: number) => Heard): string[] {
  const tones: string[] = [];
  for (let s = fromS; s < toS; s += 0.5) {
    const tone = sound.next(at(s), s * 1000);
    if (tone !== null) tones.push(`${s} ${tone}`);
  }
  return tones;
}

test('an alarm is heard at once, every 5 s, and louder after a minute; then nothing', () => {
  const sound = new AlarmSound();
  expect(heard(sound, 0, 3, () => CALM)).toEqual([]);
  expect(heard(sound, 3, 14, (s) => fall((s - 3) * 1000))).toEqual(['3 alarm', '8 alarm', '13 alarm']);
  expect(heard(sound, 62, 69, (s) => fall((s - 3) * 1000))).toEqual(['62 alarm', '67 urgent']);
  expect(heard(sound, 69, 200, () => CALM)).toEqual([]);
});

test('an alarm that was open before the page came may be urgent at once', () => {
  expect(new AlarmSound().next(fall(120_000), 0)).toBe('urgent');
});

test('what cannot be seen is heard after 10 s, once a minute, and never over an alarm', () => {
  const sound = new AlarmSound();
  expect(heard(sound, 0, 9.5, () => BLIND)).toEqual([]);
  expect(heard(sound, 9.5, 10, () => CALM)).toEqual([]);
  expect(heard(sound, 10, 100, () => BLIND)).toEqual(['20 blind', '80 blind']);
  expect(heard(sound, 140, 142, () => fall(0))).toEqual(['140 alarm']);
});

test('silence lasts two minutes, and ends with a new alarm, not with a known one', () => {
  const sound = new AlarmSound();
  expect(heard(sound, 0, 1, () => fall(0))).toEqual(['0 alarm']);
  sound.mute(1000);
  expect(sound.mutedFor(61_000)).toBe(60_000);
  expect(heard(sound, 1, 100, () => fall(0))).toEqual([]);
  expect(heard(sound, 100, 101, () => fall(0, 'room-7/bed'))).toEqual(['100 alarm']);
  expect(sound.mutedFor(100_000)).toBe(0);
  sound.mute(101_000);
  expect(heard(sound, 101, 222, () => fall(61_000, 'room-7/bed'))).toEqual(['221 urgent']);
});

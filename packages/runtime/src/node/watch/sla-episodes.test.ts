import { FakeClock } from '@vigia/base';
import type { EventMessage } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { SlaEpisodes } from './sla-episodes.ts';

const MINUTE = 60_000;
let clock: FakeClock;
let announced: EventMessage[];
let running: boolean;
let episodes: SlaEpisodes;

beforeEach(() => {
  clock = new FakeClock();
  announced = [];
  running = true;
  episodes = new SlaEpisodes({ clock, announce: (event) => void announced.push(event), runs: () => running });
});

function say(type: 'sla_breached' | 'sla_recovered', camera = 'hall'): void {
  const at = new Date(clock.wallMs()).toISOString();
  const reason = type === 'sla_breached' ? 'drops' : null;
  episodes.crossed({ type, camera, consumer: 'falls', sla: 'critical', alarm: false, reason, message: type, at });
}

/** Lets time pass as the node does: it looks every second. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 1_000) {
    clock.advance(Math.min(1_000, left));
    episodes.look();
  }
}

test('a breach is announced at once, and its end when the SLA has been kept for ten minutes', () => {
  say('sla_breached');
  pass(65_000);
  say('sla_recovered');
  pass(10 * MINUTE - 1_000);
  expect(announced.map(({ type }) => type)).toEqual(['sla_breached']);
  pass(1_000);
  expect(announced.at(-1)).toEqual({
    type: 'sla_recovered',
    camera: 'hall',
    consumer: 'falls',
    sla: 'critical',
    alarm: false,
    reason: null,
    message: 'the SLA has been kept for 10 min, after it was breached once in 65 s',
    at: new Date(clock.wallMs()).toISOString(),
  });
  pass(20 * MINUTE);
  expect(announced).toHaveLength(2);
});

test('breaches within ten minutes are one episode, and each of them begins the ten minutes again', () => {
  for (let n = 0; n < 4; n += 1) {
    say('sla_breached');
    pass(MINUTE);
    say('sla_recovered');
    pass(9 * MINUTE);
  }
  expect(announced).toHaveLength(1);
  pass(MINUTE);
  expect(announced.map(({ message }) => message)).toEqual([
    'sla_breached',
    'the SLA has been kept for 10 min, after it was breached 4 times in 31 min',
  ]);
  say('sla_breached');
  expect(announced.map(({ type }) => type)).toEqual(['sla_breached', 'sla_recovered', 'sla_breached']);
});

test('an SLA that stays breached has no end', () => {
  say('sla_breached');
  pass(60 * MINUTE);
  expect(announced).toHaveLength(1);
});

test('the death of a camera’s process is not its end: the successor judges for ten minutes; other cameras are not meant', () => {
  say('sla_breached');
  say('sla_breached', 'hall-2');
  pass(MINUTE);
  episodes.cameraGone('hall');
  pass(5 * MINUTE);
  say('sla_breached');
  expect(announced).toHaveLength(2);
  episodes.cameraGone('hall');
  pass(10 * MINUTE);
  expect(announced.map(({ type, camera }) => [type, camera]).slice(2)).toEqual([['sla_recovered', 'hall']]);
});

test('the episode of a consumer that is switched off, or gone, ends within a second and says why', () => {
  say('sla_breached');
  running = false;
  pass(1_000);
  expect(announced.at(-1)).toMatchObject({
    type: 'sla_recovered',
    message: 'falls was switched off, or left the configuration',
  });
});

test('a recovery without a breach is not announced', () => {
  say('sla_recovered');
  pass(20 * MINUTE);
  expect(announced).toEqual([]);
});

import { cameraSchema } from '@vigia/contracts';
import { previewRulesSchema } from '@vigia/contracts/api';
import { describe, expect, test } from 'vitest';
import { previewTask } from './preview-task.ts';

const NOW = Date.parse('2026-11-23T20:00:00Z');
const HOUR_MS = 3_600_000;
const area = {
  kind: 'area',
  points: [
    [0, 0],
    [1, 0],
    [1, 1],
  ],
};
const settings = cameraSchema.parse({
  source: 'rtsp://hall/1',
  consumers: { people: { model: 'ssd' }, light: { worker: 'bright' } },
  zones: { door: area, bed: { ...area, kind: 'bed' }, secret: { ...area, kind: 'privacy' } },
  rules: { fall: { from: 'people' }, visits: { from: 'people', zones: { door: { alarm: 'occupied' } } } },
});
const stream = { width: 1920, height: 1080 };
const known = { settings, stream };

function task(
  body: object,
  times: { readonly fromMs?: number; readonly toMs?: number } = {},
  of: Parameters<typeof previewTask>[1] = known,
): ReturnType<typeof previewTask> {
  const { from: _from, to: _to, ...ask } = previewRulesSchema.parse({ camera: 'hall', rule: 'visits', ...body });
  return previewTask({ ...ask, fromMs: times.fromMs, toMs: times.toMs }, of, NOW);
}

test('without anything to try: what is in use, over the last hour', () => {
  expect(task({})).toMatchObject({
    camera: 'hall',
    rule: 'visits',
    fromMs: NOW - HOUR_MS,
    toMs: NOW,
    aspect: 16 / 9,
    now: { visits: { from: 'people', watched: { door: { alarm: { when: 'occupied', afterMs: 0 } } } } },
    would: null,
  });
});

test('zones to try, with the rule in use; a rule to try, with the zones in use', () => {
  const moved = {
    ...area,
    points: [
      [0, 0],
      [0.5, 0],
      [0.5, 1],
    ],
  };
  const zones = task({ zones: { door: moved } });
  expect(zones.now).toMatchObject({ visits: { watched: { door: { points: area.points } } } });
  expect(zones.would).toMatchObject({ visits: { watched: { door: { points: moved.points } }, zones: [moved] } });
  const bed = task({ rule: 'bed', rules: { bed: { from: 'people', zone: 'bed', hours: '21:00-07:00' } } });
  expect(bed.now).toBeNull();
  expect(bed.would).toMatchObject({ bed: { zone: 'bed', awayMs: 900_000, hours: { from: 1_260, to: 420 } } });
});

test('a problem of another rule does not matter', () => {
  const rules = { bed: { from: 'people', zone: 'none' }, visits: { from: 'people', zones: { bed: {} } } };
  expect(task({ rules }).would).toMatchObject({ visits: { watched: { bed: { alarm: null } } } });
});

test('times: nothing after now, and a day at once', () => {
  expect(task({}, { fromMs: NOW - 25 * HOUR_MS, toMs: NOW + HOUR_MS })).toMatchObject({ toMs: NOW });
  expect(task({}, { toMs: NOW - HOUR_MS })).toMatchObject({ fromMs: NOW - 2 * HOUR_MS, toMs: NOW - HOUR_MS });
  expect(() => task({}, { fromMs: NOW - 25 * HOUR_MS - 1 })).toThrow(
    'body.from: at most 25 hours before `to` are played at once; ask in parts',
  );
  expect(() => task({}, { fromMs: NOW })).toThrow('body.from: must be earlier than `to`, and than now');
});

describe('what cannot be', () => {
  test.each([
    ['no rule in use', { rule: 'bed' }, 'body.rules: camera hall has no `rules.bed` in use, so one to try is expected'],
    ['another rule', { rules: { fall: { from: 'people' } } }, 'body.rules.visits: nothing was found, the rule that is'],
    [
      'a zone that is not there',
      { rules: { visits: { from: 'people', zones: { dor: {} } } } },
      'body.rules.visits.zones.dor: this camera has no zone "dor", did you mean "door"?; allowed are door, bed',
    ],
    [
      'zones that the rule in use does not know',
      { zones: { hole: area } },
      'cameras.hall.rules.visits.zones.door: this camera has no zone "door"; allowed are hole',
    ],
    [
      'a consumer that finds nobody',
      { rules: { visits: { from: 'light', zones: { door: {} } } } },
      'body.rules.visits.from: consumer "light" is a worker, a model that finds persons is expected; allowed are people',
    ],
  ])('%s', (_, body, sentence) => {
    expect(() => task(body)).toThrow(sentence);
  });

  test('a size that nobody knows, unless it is given', () => {
    const sentence =
      'nobody knows the size of the pictures of camera hall now: say it with `size`, such as {"width":1920,"height":1080}';
    expect(() => task({}, {}, { settings, stream: null })).toThrow(sentence);
    expect(() => task({}, {}, { settings, stream: { width: 0, height: 0 } })).toThrow(sentence);
    expect(task({ size: { width: 640, height: 480 } }, {}, { settings, stream: null }).aspect).toBe(4 / 3);
  });

  test('a camera that is not there', () => {
    expect(() => task({}, {}, { settings: undefined, stream: undefined })).toThrow('there is no camera "hall"');
  });
});

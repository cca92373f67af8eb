import { configSchema } from '@vigia/contracts';
import type { ModelManifest } from '@vigia/model-container';
import { describe, expect, test } from 'vitest';
import { type Plan, planOf } from './plan.ts';
import { describeChange, diffPlans, summaryOf } from './plan-change.ts';

type Cameras = Readonly<Record<string, object>>;

/** The plan of a configuration. Models are called as in the file; `use` names the folder of their weights. */
function plan(cameras: Cameras, rest: object = {}): Plan {
  const config = configSchema.parse({
    version: 1,
    node: 'n',
    cameras,
    models: { ssd: { use: 'ssdlite' }, pose: { use: 'movenet' } },
    ...rest,
  });
  const located = Object.entries(config.models).map(([id, { use }]) => {
    const manifest = { id: use, version: '1', input: { width: 300, height: 300, fit: 'stretch' } };
    const files = { dir: `/models/${use}`, manifest: manifest as unknown as ModelManifest, weightsBytes: 1000 };
    return [id, { kind: 'own' as const, ...files }] as const;
  });
  return planOf(config, '/run/n', new Map(located));
}

/** Describes a change, without its empty parts. */
function told(running: Plan, wanted: Plan): string {
  return describeChange(summaryOf(diffPlans(running, wanted), wanted));
}

const HALL = { source: 'rtsp://a/1', consumers: { people: { model: 'ssd' } } };
const YARD = { source: 'rtsp://b/1', consumers: { people: { model: 'ssd' }, pose: { model: 'pose' } } };

describe('what differs', () => {
  test('nothing when only the order in the file changed', () => {
    const reordered = { ...YARD, consumers: { pose: YARD.consumers.pose, people: YARD.consumers.people } };
    expect(told(plan({ hall: HALL, yard: YARD }), plan({ yard: reordered, hall: HALL }))).toBe(
      'cameras: 2 untouched; models: 2 untouched',
    );
  });

  test('cameras added, changed, removed', () => {
    const running = plan({ hall: HALL, yard: YARD, door: HALL });
    const wanted = plan({ hall: HALL, yard: { ...YARD, roi: { x: 0, y: 0, width: 0.5, height: 1 } }, gate: HALL });
    expect(told(running, wanted)).toBe(
      'cameras: added gate, changed yard, removed door, 1 untouched; models: 2 untouched',
    );
  });

  test.each([
    ['source', { source: 'rtsp://a/2' }],
    ['second stream', { detect_source: 'rtsp://a/small' }],
    ['transport', { transport: 'udp' }],
    ['certificates', { tls: { verify: false } }],
    ['what a loss does', { on_loss: 'conceal' }],
    ['keyframes only', { decode: 'keyframes' }],
    ['decoder', { decoder: { threads: 2 } }],
    ['largest picture', { max_picture: { width: 640, height: 480 } }],
    ['region', { roi: { x: 0.5, y: 0, width: 0.5, height: 1 } }],
    ['consumer’s rate and deadline', { consumers: { people: { model: 'ssd', fps: 2, deadline_ms: 500 } } }],
    ['consumer’s deadline', { consumers: { people: { model: 'ssd', deadline_ms: 500 } } }],
    ['fall rule', { rules: { fall: { from: 'people' } } }],
    ['another consumer', { consumers: { people: { model: 'ssd' }, other: { model: 'ssd' } } }],
  ])('a camera is changed by its %s', (_, settings) => {
    const change = diffPlans(plan({ hall: HALL }), plan({ hall: { ...HALL, ...settings } }));
    expect(change.cameras.changed.map((c) => c.setup.camera)).toEqual(['hall']);
    expect(change.cameras.tuned).toEqual([]);
    expect(change.models).toEqual({ added: [], changed: [], removed: [] });
  });

  test.each([
    ['rate', { fps: 2 }],
    ['class', { sla: 'critical' }],
    ['oldest result', { max_age_ms: 300 }],
  ])('a camera whose consumer has another %s goes on in the same process', (_, terms) => {
    const [running, wanted] = [
      plan({ hall: HALL, yard: YARD }),
      plan({ hall: { ...HALL, consumers: { people: { model: 'ssd', ...terms } } }, yard: YARD }),
    ];
    const { cameras } = diffPlans(running, wanted);
    expect([cameras.tuned.map(({ camera }) => camera), cameras.changed]).toEqual([['hall'], []]);
    expect(told(running, wanted)).toBe('cameras: changed hall, 1 untouched; models: 2 untouched');
    // Not when its model is another one.
    const models = { ssd: { use: 'ssdlite', threads: 2 }, pose: { use: 'movenet' } };
    const both = { hall: { ...HALL, consumers: { people: { model: 'ssd', ...terms } } }, yard: YARD };
    expect(diffPlans(running, plan(both, { models })).cameras.tuned).toEqual([]);
  });

  const TWO = { ...HALL, consumers: { people: { model: 'ssd' }, other: { model: 'pose', enabled: false } } };

  test.each([
    ['on', { people: { model: 'ssd' }, other: { model: 'pose' } }],
    ['off', { people: { model: 'ssd', enabled: false }, other: { model: 'pose', enabled: false } }],
  ])('a camera of which a consumer is switched %s goes on in the same process', (_, consumers) => {
    const wanted = plan({ hall: { ...HALL, consumers } });
    const { cameras } = diffPlans(plan({ hall: TWO }), wanted);
    expect([cameras.tuned.map(({ camera }) => camera), cameras.changed]).toEqual([['hall'], []]);
    // What it may need is allocated already.
    expect(wanted.segments).toEqual(plan({ hall: TWO }).segments);
    expect(wanted.segments).toEqual(plan({ hall: YARD }).segments);
  });

  test('a camera is changed by a consumer that is added, also when it is switched off', () => {
    const { cameras } = diffPlans(plan({ hall: HALL }), plan({ hall: TWO }));
    expect([cameras.tuned, cameras.changed.map(({ setup }) => setup.camera)]).toEqual([[], ['hall']]);
  });

  test('a model with other settings changes the cameras that use it, switched off or on', () => {
    const models = { ssd: { use: 'ssdlite' }, pose: { use: 'movenet', threads: 2 } };
    const { cameras } = diffPlans(plan({ hall: TWO }), plan({ hall: TWO }, { models }));
    expect(cameras.changed.map(({ setup }) => setup.camera)).toEqual(['hall']);
  });

  test('a model with other settings changes the cameras that use it, and no others', () => {
    const models = { ssd: { use: 'ssdlite' }, pose: { use: 'movenet', threads: 2 } };
    expect(told(plan({ hall: HALL, yard: YARD }), plan({ hall: HALL, yard: YARD }, { models }))).toBe(
      'cameras: changed yard, 1 untouched; models: changed pose, 1 untouched',
    );
  });

  test('a model added and one removed', () => {
    const models = { ssd: { use: 'ssdlite' }, faces: { use: 'blaze' } };
    expect(told(plan({ hall: HALL }), plan({ hall: HALL }, { models }))).toBe(
      'cameras: 1 untouched; models: added faces, removed pose, 1 untouched',
    );
  });

  test('the broker', () => {
    const mqtt = { url: 'mqtt://b' };
    const change = diffPlans(plan({ hall: HALL }), plan({ hall: HALL }, { mqtt }));
    expect(change.mqtt).toBe(true);
    expect(told(plan({ hall: HALL }, { mqtt }), plan({ hall: HALL }))).toContain('; MQTT: changed');
    expect(diffPlans(plan({ hall: HALL }, { mqtt }), plan({ hall: HALL }, { mqtt })).mqtt).toBe(false);
    const obeyed = plan({ hall: HALL }, { mqtt: { ...mqtt, commands: true } });
    expect(told(plan({ hall: HALL }, { mqtt }), obeyed)).toContain('; MQTT: changed');
  });

  test.each(['mqtt://b:99999', 'mqtt://u%zz@b'])('a broker whose address cannot be read is refused: %s', (url) => {
    expect(() => plan({ hall: HALL }, { mqtt: { url } })).toThrow(/^mqtt\.url: the address cannot be read; allowed is/);
  });

  test('another node name is refused', () => {
    expect(() => diffPlans(plan({ hall: HALL }), plan({ hall: HALL }, { node: 'm' }))).toThrow(
      /^node: found "m", the running node is called "n": .* start it again to rename it$/,
    );
  });
});

test('a rule is planned; without one it is off, also when `rules` is empty', () => {
  const ruled = { ...HALL, rules: { fall: { from: 'people' } } };
  const rulesOf = (settings: object): unknown => plan({ hall: settings }).cameras[0]?.rules;
  const fall = { from: 'people', zones: [], longLieMs: 10_000 };
  expect(rulesOf(ruled)).toEqual({ fall, bed: null, visits: null });
  const off = { ...HALL, rules: { fall: { from: 'people', long_lie: 'off' } } };
  expect(rulesOf(off)).toEqual({ fall: { ...fall, longLieMs: null }, bed: null, visits: null });
  const looks = (settings: object): unknown => plan({ hall: settings }).segments.map(({ rendition }) => rendition);
  expect(looks(ruled)).toEqual([...(looks(HALL) as string[]), 'look-people']);
  const none = { fall: null, bed: null, visits: null };
  for (const settings of [HALL, { ...HALL, rules: {} }]) expect(rulesOf(settings)).toEqual(none);
  expect(told(plan({ hall: HALL }), plan({ hall: { ...HALL, rules: {} } }))).toContain('cameras: 1 untouched');
});

test('the bed rule is planned, with its outline and hours in minutes', () => {
  const points = [
    [0, 0],
    [1, 0],
    [1, 0.5],
  ];
  const zones = { bed: { kind: 'bed', points } };
  const bed = { from: 'people', zone: 'bed', alarm: 'out', away: '20m', hours: '21:00-07:30' };
  expect(plan({ hall: { ...HALL, zones, rules: { bed } } }).cameras[0]?.rules.bed).toEqual({
    from: 'people',
    zone: 'bed',
    bed: points,
    zones: [{ kind: 'bed', points }],
    alarm: 'out',
    awayMs: 1_200_000,
    hours: { from: 1_260, to: 450 },
  });
  const { hours: _, ...always } = bed;
  expect(plan({ hall: { ...HALL, zones, rules: { bed: always } } }).cameras[0]?.rules.bed?.hours).toBeNull();
});

test('visits are planned: outlines, and alarms with their defaults', () => {
  const points = [
    [0, 0],
    [1, 0],
    [1, 0.5],
  ];
  const zones = { door: { kind: 'area', points }, hall: { kind: 'floor', points }, bath: { kind: 'privacy', points } };
  const visited = {
    door: { alarm: 'occupied', hours: '21:00-07:30' },
    hall: { alarm: 'crowded', people: 4 },
    room: {},
  };
  const settings = {
    ...HALL,
    zones: { ...zones, room: zones.door },
    rules: { visits: { from: 'people', zones: visited } },
  };
  expect(plan({ hall: settings }).cameras[0]?.rules.visits).toEqual({
    from: 'people',
    watched: {
      door: { points, alarm: { when: 'occupied', afterMs: 0, people: 1, hours: { from: 1_260, to: 450 } } },
      hall: { points, alarm: { when: 'crowded', afterMs: 3_000, people: 4, hours: null } },
      room: { points, alarm: null },
    },
    zones: [zones.door, zones.hall, zones.door],
  });
});

test('zones are planned: those that are black apart from those of rules; another outline changes the camera', () => {
  const points = [
    [0, 0],
    [1, 0],
    [1, 0.5],
  ];
  const zones = { bed: { kind: 'bed', points }, bath: { kind: 'privacy', points } };
  const zoned = { ...HALL, zones, rules: { fall: { from: 'people' } } };
  const [camera] = plan({ hall: zoned }).cameras;
  expect(camera?.privacy).toEqual([points]);
  expect(camera?.rules.fall?.zones).toEqual([{ kind: 'bed', points }]);
  const bath = {
    kind: 'privacy',
    points: [
      [0, 0],
      [1, 0],
      [1, 0.6],
    ],
  };
  const change = diffPlans(plan({ hall: zoned }), plan({ hall: { ...zoned, zones: { ...zones, bath } } }));
  expect(change.cameras.changed).toHaveLength(1);
});

describe('which consumers of a changed camera keep their counters', () => {
  const kept = (wanted: Plan): readonly string[] | undefined =>
    diffPlans(plan({ yard: YARD }), wanted).cameras.changed[0]?.kept;

  test('those with the same model, regardless of other changes', () => {
    const consumers = { people: { model: 'ssd', fps: 1 }, pose: { model: 'pose' }, more: { model: 'ssd' } };
    expect(kept(plan({ yard: { ...YARD, consumers } }))).toEqual(['people', 'pose']);
  });

  test('not one with another model', () => {
    const consumers = { people: { model: 'pose' }, pose: { model: 'pose' } };
    expect(kept(plan({ yard: { ...YARD, consumers } }))).toEqual(['pose']);
  });

  test('not one whose model has other weights, but one whose model has another thread count', () => {
    const models = { ssd: { use: 'other' }, pose: { use: 'movenet', threads: 2 } };
    expect(kept(plan({ yard: YARD }, { models }))).toEqual(['pose']);
  });
});

test('the shared memory of a plan is that of its cameras; the share of the models is counted once', () => {
  const [one, two] = [plan({ hall: HALL }), plan({ hall: HALL, yard: HALL })];
  const probes = one.models.reduce((sum, { frame }) => sum + frame.width * frame.height * 3, 0);
  expect(two.shmBytes - probes).toBe((one.shmBytes - probes) * 2);
});

describe('tracing', () => {
  const tracing = { url: 'http://h:4318/v1/traces', headers: { a: '1' }, sample: 0.5, per_second: 5 };
  const changed = (before: object, after: object): boolean =>
    diffPlans(plan({ hall: HALL }, before), plan({ hall: HALL }, after)).tracing;

  test('is planned, and any of its keys is a change', () => {
    expect(plan({ hall: HALL }).tracing).toBeUndefined();
    const { per_second: perSecond, ...same } = tracing;
    expect(plan({ hall: HALL }, { tracing }).tracing).toEqual({ ...same, perSecond });
    expect(changed({ tracing }, { tracing: { ...tracing } })).toBe(false);
    for (const more of [{ url: 'http://h/' }, { headers: {} }, { sample: 1 }, { per_second: 1 }])
      expect(changed({ tracing }, { tracing: { ...tracing, ...more } })).toBe(true);
    expect([changed({}, { tracing }), changed({ tracing }, {}), changed({}, {})]).toEqual([true, true, false]);
  });

  test.each([
    ['an address that cannot be read', { url: 'http://h:99999/hush' }, /^tracing\.url: the address cannot be read/],
    ['a header that cannot be sent', { headers: { 'x-y': 'hush\nx: 1' } }, /^tracing\.headers\.x-y: the value has/],
  ])('%s is refused without repeating it', (_, more, sentence) => {
    const planned = (): unknown => plan({ hall: HALL }, { tracing: { ...tracing, ...more } });
    expect(planned).toThrow(sentence);
    expect(planned).not.toThrow(/hush/);
  });
});

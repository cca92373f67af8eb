import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { parseConfig } from './load-config.ts';
import { nearest } from '#core/terminal';
import { resolveSecrets, secretVariables } from './secrets.ts';

describe('secrets', () => {
  test('come from the environment and from files, are encoded in front of an @, and are redacted from then on', () => {
    const dir = mkdtempSync(join(tmpdir(), 'vigia-secret-'));
    writeFileSync(join(dir, 'user'), 'view:er\nsecond line');
    const env = { PASSWORD_1: 'p@ss/w:rd?', HOST_1: 'camera-1.example' };
    expect(resolveSecrets('rtsp://u:${PASSWORD_1}@${HOST_1}/x', 'source', { env, origin: 'file' })).toBe(
      'rtsp://u:p%40ss%2Fw%3Ard%3F@camera-1.example/x',
    );
    expect(resolveSecrets(`rtsp://\${file:${dir}/user}:\${PASSWORD_1}@h/x`, 'source', { env, origin: 'file' })).toBe(
      'rtsp://view%3Aer:p%40ss%2Fw%3Ard%3F@h/x',
    );
    expect(redact('it is p@ss/w:rd? indeed')).toBe('it is *** indeed');
    rmSync(dir, { recursive: true });
  });

  test.each([
    'rtsp://u:literal@h/x',
    'rtsp://u:lit/eral@h/x',
    'rtsp://u:lit@eral@h/x',
    'rtsp://u:a${P}@h',
    'mqtt://u:123x@h',
    'rtsp://h/live?user=a&password=literal',
    'rtsp://h/user=a&passwd=literal&channel=1',
  ])('a password that stands in the text is refused: %s', (text) => {
    expect(() => resolveSecrets(text, 'source', { env: { P: 'pppp' }, origin: 'file' })).toThrow(
      /a password stands in the file/,
    );
  });

  test.each([
    'rtsp://h:554/x@y',
    'rtsp://u@h:554/x',
    'rtsp://h/x:y@z',
    'rtsp://u:${P}@h:554/live@1',
    'rtsp://[::1]:554/x',
    'rtsp://h/user=a&password=${P}&channel=1',
  ])('no password: %s', (text) => {
    expect(resolveSecrets(text, 'source', { env: { P: 'pppp' }, origin: 'file' })).toBe(text.replace('${P}', 'pppp'));
  });

  test('a missing variable or file is named', () => {
    expect(() => resolveSecrets('rtsp://u:${NOPE_1}@h', 'cameras.a.source', { env: {}, origin: 'file' })).toThrow(
      'cameras.a.source: the environment variable NOPE_1 is not set',
    );
    expect(() =>
      resolveSecrets('rtsp://u:${file:/nowhere}@h', 'cameras.a.source', { env: {}, origin: 'file' }),
    ).toThrow(/\/nowhere cannot be read \(ENOENT\)/);
    expect(() =>
      resolveSecrets('rtsp://u:${file:/dev/null}@h', 'cameras.a.source', { env: {}, origin: 'file' }),
    ).toThrow("cameras.a.source: the first line of the secret's file /dev/null is empty");
  });
});

describe('a configuration', () => {
  test('gets its defaults', () => {
    const config = parseConfig(
      'version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    consumers: { p: { model: m } }\nmodels: { m: { use: x } }\n',
      'f.yml',
    );
    expect(config).toMatchObject({ node: 'vigia', models: { m: { threads: 1 } } });
    expect(config.cameras['a']?.consumers['p']).toEqual({
      model: 'm',
      enabled: true,
      sla: 'normal',
      deadline_ms: 1000,
    });
  });

  test('a similar word is suggested only when it is similar enough', () => {
    expect(nearest('sorce', ['source', 'roi'])).toBe('source');
    expect(nearest('xyz', ['source', 'roi'])).toBeUndefined();
  });
});

describe('workers of a configuration', () => {
  const parse = (
    consumer: string,
    worker: string,
    env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] },
  ): ReturnType<typeof parseConfig> =>
    parseConfig(
      `version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    consumers: { c: ${consumer} }\nworkers:\n  flow: ${worker}\n`,
      'f.yml',
      env,
    );
  const FLOW = '{ command: [perl, -v] }';

  test('get their defaults', () => {
    expect(parse('{ worker: flow }', FLOW).workers['flow']).toEqual({
      command: ['perl', '-v'],
      input: { format: 'RGB24', width: 640, height: 360, fit: 'letterbox' },
      env: {},
      options: {},
      start_timeout_ms: 30_000,
      restart: { unlimited: false },
    });
  });

  test('have the secrets of their environment filled in', () => {
    const { workers } = parse('{ worker: flow }', '{ command: [perl], env: { KEY: "${VLM_KEY}" } }', {
      VLM_KEY: 'sesam',
      PATH: process.env['PATH'],
    });
    expect(workers['flow']?.env).toEqual({ KEY: 'sesam' });
    expect(secretVariables()).toContain('VLM_KEY');
  });

  test.each([
    ['{ model: m, worker: flow }', FLOW, /consumers\.c: .*one of them/],
    ['{ fps: 5 }', FLOW, /consumers\.c: .*one of them/],
    ['{ worker: flows }', FLOW, /there is no worker "flows", did you mean "flow"\?; defined are flow/],
    ['{ worker: flow }', '{ command: [perl], module: x.mjs }', /workers\.flow: .*one of them/],
    ['{ worker: flow }', '{ command: [] }', /workers\.flow\.command: found \[\], at least 1/],
    [
      '{ worker: flow }',
      '{ command: [./no/such/program] }',
      /workers\.flow\.command: found \.\/no\/such\/program, no such program/,
    ],
    [
      '{ worker: flow }',
      '{ command: [no-such-program] }',
      /workers\.flow\.command: found no-such-program, no such program in PATH/,
    ],
    ['{ worker: flow }', '{ module: no.mjs }', /workers\.flow\.module: found no\.mjs, no such file/],
    ['{ worker: flow }', '{ command: [perl], dir: /no/such }', /workers\.flow\.dir: found \/no\/such, no such folder/],
    ['{ worker: flow }', '{ command: [perl], transport: shm, input: { format: JPEG } }', /JPEG goes over stdin/],
    ['{ worker: flow }', '{ command: [perl], input: { format: NV12, width: 321 } }', /even width/],
    ['{ worker: flow }', '{ command: [perl], input: { width: 8000, height: 8000 } }', /at most 100,000,000 bytes/],
    ['{ worker: flow }', '{ command: [perl], restart: { delay_ms: 5 } }', /unknown key, did you mean "delays_ms"/],
    ['{ worker: flow }', '{ command: [perl], env: { "A B": x } }', /letters, digits and _/],
  ])('%s with %s is refused', (consumer, worker, sentence) => {
    expect(() => parse(consumer, worker)).toThrow(sentence);
  });
});

describe('rules of a camera', () => {
  const parse = (
    rules: string,
    consumers = '{ people: { model: m }, flow: { worker: w }, off: { model: m, enabled: false } }',
  ) =>
    parseConfig(
      `version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    consumers: ${consumers}\n    rules: ${rules}\nmodels: { m: { use: x } }\nworkers: { w: { command: [perl, -v] } }\n`,
      'f.yml',
    );

  test('name a model of their camera, or nothing', () => {
    expect(parse('{ fall: { from: people } }').cameras['a']?.rules).toEqual({
      fall: { from: 'people', long_lie: '10s' },
    });
    expect(parse('{}').cameras['a']?.rules).toEqual({});
  });

  test.each([
    ['{ fall: { from: peple } }', 'this camera has no consumer "peple", did you mean "people"?; allowed are people'],
    ['{ fall: { from: constructor } }', 'this camera has no consumer "constructor"; allowed are people'],
    [
      '{ fall: { from: flow } }',
      'consumer "flow" is a worker, a model that finds persons is expected; allowed are people',
    ],
    [
      '{ fall: { from: off } }',
      'consumer "off" has `enabled: false`, so the rule would see nothing; allowed are people',
    ],
  ])('%s is refused', (rules, sentence) => {
    expect(() => parse(rules)).toThrow(`f.yml:6: cameras.a.rules.fall.from: ${sentence}`);
  });

  test('a camera without a model can have none', () => {
    expect(() => parse('{ fall: { from: flow } }', '{ flow: { worker: w } }')).toThrow(/; this camera has no model$/);
  });

  test.each([
    ['{ fall: {} }', /rules\.fall\.from: .* is expected/],
    ['{ fall: { from: "a b" } }', /rules\.fall\.from: found "a b"; an id is/],
    ['{ fall: { from: people, preset: careful } }', /rules\.fall\.preset: presets come in a later version/],
    ['{ fall: { from: people, long_lie: 2s } }', /long_lie: a text was found; `off`, or a duration from 3s to 1h/],
    ['{ fall: { from: people, long_lie: 10 } }', /long_lie: /],
    ['{ bed: { from: people } }', /rules\.bed\.zone: .* is expected/],
    ['{ bed: { from: people, zone: bed, away: 0s } }', /rules\.bed\.away: a text was found; a duration from 1s to 12h/],
    ['{ bed: { from: people, zone: bed, alarm: up } }', /rules\.bed\.alarm: /],
    ['{ bed: { from: people, zone: bed, hours: "21-7" } }', /rules\.bed\.hours: .*two times of the day, such as/],
    ['{ bed: { from: people, zone: bed, hours: "24:00-07:00" } }', /rules\.bed\.hours: /],
    ['{ bed: { from: people, zone: bed, hours: "07:00-07:00" } }', /rules\.bed\.hours: /],
    ['{ fal: { from: people } }', /rules\.fal: unknown key, did you mean "fall"\?/],
  ])('%s is refused as a form', (rules, sentence) => {
    expect(() => parse(rules)).toThrow(sentence);
  });
});

describe('the bed rule of a camera', () => {
  const POINTS = 'points: [[0, 0], [1, 0], [1, 1]]';
  const parse = (bed: string) =>
    parseConfig(
      `version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    zones: { bed: { kind: bed, ${POINTS} }, floor: { kind: floor, ${POINTS} } }\n    consumers: { people: { model: m } }\n    rules: { bed: ${bed} }\nmodels: { m: { use: x } }\n`,
      'f.yml',
    );

  test('follows a bed; alarms have defaults', () => {
    expect(parse('{ from: people, zone: bed }').cameras['a']?.rules?.bed).toEqual({
      from: 'people',
      zone: 'bed',
      alarm: 'away',
      away: '15m',
    });
    const all = { from: 'people', zone: 'bed', alarm: 'edge', away: '90s', hours: '21:00-07:00' };
    expect(parse(JSON.stringify(all)).cameras['a']?.rules?.bed).toEqual(all);
  });

  test.each([
    ['{ from: peple, zone: bed }', 'from: this camera has no consumer "peple", did you mean "people"?'],
    ['{ from: people, zone: bad }', 'zone: this camera has no zone "bad", did you mean "bed"?; allowed are bed'],
    ['{ from: people, zone: floor }', 'zone: zone "floor" is of kind floor, a bed is expected; allowed are bed'],
    [
      '{ from: people, zone: person-1 }',
      'zone: zone "person-1" has the name of a person in events: choose another one',
    ],
    ['{ from: people, zone: constructor }', 'zone: this camera has no zone "constructor"; allowed are bed'],
  ])('%s is refused', (bed, sentence) => {
    expect(() => parse(bed)).toThrow(`f.yml:7: cameras.a.rules.bed.${sentence}`);
  });
});

describe('the visits of a camera', () => {
  const POINTS = 'points: [[0, 0], [1, 0], [1, 1]]';
  const parse = (zones: string) =>
    parseConfig(
      `version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    zones: { door: { kind: area, ${POINTS} }, bath: { kind: privacy, ${POINTS} } }\n    consumers: { people: { model: m } }\n    rules: { visits: { from: people, zones: ${zones} } }\nmodels: { m: { use: x } }\n`,
      'f.yml',
    );

  test('are followed, with or without alarms', () => {
    const zones = [
      {},
      { alarm: 'occupied', after: '3s', hours: '21:00-07:00' },
      { alarm: 'crowded', people: 4 },
      { alarm: 'empty', after: '12h' },
    ];
    for (const door of zones)
      expect(parse(JSON.stringify({ door })).cameras['a']?.rules?.visits).toEqual({ from: 'people', zones: { door } });
  });

  test.each([
    ['{}', 'zones: found {}; at least one zone is needed'],
    ['{ dor: {} }', 'zones.dor: this camera has no zone "dor", did you mean "door"?; allowed are door'],
    ['{ bath: {} }', 'zones.bath: zone "bath" is of kind privacy, where nobody is seen; allowed are door'],
    ['{ door: { alarm: full } }', 'zones.door.alarm: '],
    [
      '{ door: { alarm: empty } }',
      'zones.door.after: nothing found; `alarm: empty` needs it: for how long nobody may be seen, from 10s on',
    ],
    ['{ door: { alarm: empty, after: 9s } }', 'zones.door.after: a text was found; `alarm: empty` needs it'],
    [
      '{ door: { alarm: crowded } }',
      'zones.door.people: nothing found; `alarm: crowded` needs it: from how many people on',
    ],
    ['{ door: { people: 3 } }', 'zones.door.people: found 3; only `alarm: crowded` has it'],
    ['{ door: { alarm: crowded, people: 1 } }', 'zones.door.people: '],
    ['{ door: { alarm: empty, after: 3 minutes } }', 'zones.door.after: '],
    [
      '{ door: { after: 3s } }',
      'zones.door.after: a text was found; it is about an alarm: without `alarm` there is none',
    ],
    ['{ door: { hours: "21:00-07:00" } }', 'zones.door.hours: '],
    ['{ door: { alarm: occupied, after: 3 } }', 'zones.door.after: '],
    ['{ door: { alarm: occupied, hours: night } }', 'zones.door.hours: '],
    ['{ door: { alarm: occupied, for: 3s } }', 'zones.door.for: unknown key'],
  ])('%s is refused', (zones, sentence) => {
    expect(() => parse(zones)).toThrow(`cameras.a.rules.visits.${sentence}`);
  });
});

describe('zones of a camera', () => {
  const parse = (zone: string, more = '') =>
    parseConfig(
      `version: 1\ncameras:\n  a:\n    source: rtsp://h/x\n    zones: { z: ${zone} }\n${more}storage: { path: /f }\n`,
      'f.yml',
    );
  const corners = 'points: [[0, 0], [1, 0], [1, 0.5]]';

  test('of kind privacy: a camera that is recorded says that it knows, others have no such key', () => {
    const record = '    record: { mode: on_event }\n';
    const door = `{ kind: privacy, ${corners} }`;
    expect(parse(door).cameras['a']?.zones['z']?.kind).toBe('privacy');
    expect(parse(door, '    record: { mode: never }\n').cameras['a']?.record?.mode).toBe('never');
    expect(() => parse(door, record)).toThrow(
      /^f\.yml:5: cameras\.a\.zones\.z: recordings keep the picture as the camera/,
    );
    expect(() => parse(`{ kind: privacy, recorded: false, ${corners} }`, record)).toThrow(/recordings keep/);
    expect(parse(`{ kind: privacy, recorded: true, ${corners} }`, record).cameras['a']?.zones['z']?.recorded).toBe(
      true,
    );
    expect(() => parse(`{ kind: bed, recorded: true, ${corners} }`)).toThrow(/zones of kind privacy, not bed/);
  });

  test('are polygons with a kind', () => {
    const zone = parse('{ kind: bed, points: [[0, 0], [1, 0], [1, 0.5]] }').cameras['a']?.zones['z'];
    expect(zone).toEqual({
      kind: 'bed',
      points: [
        [0, 0],
        [1, 0],
        [1, 0.5],
      ],
    });
  });

  test.each([
    ['{ kind: sofa, points: [[0, 0], [1, 0], [1, 1]] }', /zones\.z\.kind: found "sofa"/],
    ['{ kind: bed, points: [[0, 0], [1, 0]] }', /zones\.z\.points: /],
    ['{ kind: bed, points: [[0, 0], [1, 0], [1, 1.5]] }', /zones\.z\.points/],
    ['{ kind: bed, points: [[0, 0], [1, 1], [1, 0], [0, 1]] }', /zones\.z\.points: .*crosses itself/],
    ['{ kind: bed, points: [[0, 0], [1, 1], [0.5, 0.5]] }', /zones\.z\.points: .*enclose nothing/],
  ])('%s is refused', (zone, sentence) => {
    expect(() => parse(zone)).toThrow(sentence);
  });
});

describe('tracing', () => {
  const parse = (tracing: string, env: NodeJS.ProcessEnv = {}): ReturnType<typeof parseConfig> =>
    parseConfig(`version: 1\ncameras:\n  hall: { source: "rtsp://h/1" }\ntracing: ${tracing}\n`, 'v.yml', env);

  test('defaults, and secrets in the address and in headers', () => {
    const url = '"https://care:${PASS_T}@collector:4318/v1/traces"';
    const { tracing } = parse(`{ url: ${url}, headers: { authorization: "Bearer \${KEY_T}", x-tenant: ward } }`, {
      PASS_T: 'p@ss-t',
      KEY_T: 'key-of-t',
    });
    expect(tracing).toEqual({
      url: 'https://care:p%40ss-t@collector:4318/v1/traces',
      headers: { authorization: 'Bearer key-of-t', 'x-tenant': 'ward' },
      sample: 0.01,
      per_second: 10,
    });
    expect(redact('key-of-t and p@ss-t')).toBe('*** and ***');
    expect(parse('{ url: "http://h:4318/" }').tracing?.headers).toEqual({});
  });

  test.each([
    ['{}', /tracing\.url: nothing found, a text is expected/],
    ['{ url: "ftp://hush-hush" }', /tracing\.url: a text was found; an address like/],
    ['{ url: "http://u:hush-hush@h/" }', /tracing\.url: a password stands in the file/],
    ['{ url: "http://h/", sample: 1.5 }', /tracing\.sample: found 1\.5, at most 1 is allowed/],
    ['{ url: "http://h/", per_second: 0 }', /tracing\.per_second: found 0, at least 1 is allowed/],
    [
      '{ url: "http://h/", headers: { Authorization: hush-hush } }',
      /Authorization: a secret stands in the file; write \$\{/,
    ],
    ['{ url: "http://h/", headers: { x-api-key: hush-hush } }', /x-api-key: a secret stands in the file/],
    ['{ url: "http://h/", headers: { "a b": hush-hush } }', /headers\.a b: a name of an HTTP header/],
    ['{ url: "http://h/", headers: { Content-Length: "7" } }', /Content-Length: this header is set by vigia itself/],
    ['{ url: "http://h/", headers: { x-y: [hush-hush] } }', /headers\.x-y: a list was found, a text is expected/],
  ])('%s', (text, sentence) => {
    expect(() => parse(text)).toThrow(sentence);
    expect(() => parse(text)).not.toThrow(/hush-hush/);
  });
});

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
    expect(resolveSecrets('rtsp://u:${PASSWORD_1}@${HOST_1}/x', 'source', env)).toBe(
      'rtsp://u:p%40ss%2Fw%3Ard%3F@camera-1.example/x',
    );
    expect(resolveSecrets(`rtsp://\${file:${dir}/user}:\${PASSWORD_1}@h/x`, 'source', env)).toBe(
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
    expect(() => resolveSecrets(text, 'source', { P: 'pppp' })).toThrow(/a password stands in the file/);
  });

  test.each([
    'rtsp://h:554/x@y',
    'rtsp://u@h:554/x',
    'rtsp://h/x:y@z',
    'rtsp://u:${P}@h:554/live@1',
    'rtsp://[::1]:554/x',
    'rtsp://h/user=a&password=${P}&channel=1',
  ])('no password: %s', (text) => {
    expect(resolveSecrets(text, 'source', { P: 'pppp' })).toBe(text.replace('${P}', 'pppp'));
  });

  test('a missing variable or file is named', () => {
    expect(() => resolveSecrets('rtsp://u:${NOPE_1}@h', 'cameras.a.source', {})).toThrow(
      'cameras.a.source: the environment variable NOPE_1 is not set',
    );
    expect(() => resolveSecrets('rtsp://u:${file:/nowhere}@h', 'cameras.a.source', {})).toThrow(
      /\/nowhere cannot be read \(ENOENT\)/,
    );
    expect(() => resolveSecrets('rtsp://u:${file:/dev/null}@h', 'cameras.a.source', {})).toThrow(
      "cameras.a.source: the first line of the secret's file /dev/null is empty",
    );
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

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '@vigia/base';
import { afterEach, describe, expect, test } from 'vitest';
import { dataOf } from './read-yaml.ts';
import { loadConfig, parseConfig } from './load-config.ts';
import { resolveSecrets } from './secrets.ts';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A file with these bytes. */
function fileOf(bytes: string | Buffer): string {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-hostile-'));
  closers.push(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'file');
  writeFileSync(path, bytes);
  return path;
}

/** The sentences about a configuration that is refused, as they are printed. */
function refusal(text: string, env: NodeJS.ProcessEnv = {}): string {
  try {
    parseConfig(text, 'v.yml', env);
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage' });
    return redact((error as Error).message);
  }
  throw new Error('it was accepted');
}

const CAMERA = 'version: 1\ncameras:\n  hall: { source: "rtsp://h/1" }\n';

describe('a password is not printed when it stands', () => {
  test.each([
    ['in a list of cameras', 'version: 1\ncameras:\n  - { source: "rtsp://u:hunter2@h/1" }\n'],
    ['in a camera that is a text', 'version: 1\ncameras: { hall: "rtsp://u:hunter2@h/1" }\n'],
    ['as a text in place of all cameras', 'version: 1\ncameras: "u:hunter2@h"\n'],
    ['behind a slash', 'version: 1\ncameras: { hall: { source: "rtsp://u:a/hunter2@h/1" } }\n'],
    ['behind an @', 'version: 1\ncameras: { hall: { source: "rtsp://u:a@hunter2@h/1" } }\n'],
    ['without a scheme', 'version: 1\ncameras: { hall: { source: "hunter2:x@h/1" } }\n'],
    ['as a key', 'version: 1\ncameras: { "rtsp://u:a/hunter2@h/1": {} }\n'],
    ['as a key in a wrong place', `${CAMERA}"rtsp://u:hunter2@h/1": 1\n`],
    ['in a path', 'version: 1\ncameras: { hall: { source: "rtsp://h/user=admin&password=hunter2", fps: 1 } }\n'],
    ['in the node', `${CAMERA}node: "http://h/user=admin&password=hunter2"\n`],
    ['in the broker', `${CAMERA}mqtt: "mqtt://u:a/hunter2@h"\n`],
    ['in another scheme of the broker', `${CAMERA}mqtt: { url: "amqp://u:a@hunter2@h" }\n`],
    ['in a list of workers with env', `${CAMERA}workers: [{ command: [x], env: { KEY: hunter2 } }]\n`],
    ['in workers that are a text', `${CAMERA}workers: "KEY=hunter2"\n`],
    ['in env as a list', `${CAMERA}workers: { w: { command: [x], env: [hunter2] } }\n`],
    ['in env as a number', `${CAMERA}workers: { w: { command: [x], env: { PIN: 77770000 } } }\n`],
    ['in a command that is a text', `${CAMERA}workers: { w: { command: "x --token=hunter2" } }\n`],
    ['in a command line of one entry', `${CAMERA}workers: { w: { command: ["no-such --token=hunter2"] } }\n`],
    ['in webhooks', `${CAMERA}webhooks: [{ url: "http://h", headers: { authorization: hunter2 } }]\n`],
    ['in tracing', `${CAMERA}tracing: "http://u:a/hunter2@h"\n`],
    ['in http', `${CAMERA}http: "u:hunter2@h:1"\n`],
    ['in a broken line', `${CAMERA}mqtt: { url: "mqtt://u:hunter2@h" \n`],
    ['behind an unknown alias', `${CAMERA}mqtt: { url: *hunter2 }\n`],
    ['in a tag', `${CAMERA}mqtt: !hunter2 { url: x }\nfoo: 1\n`],
    ['in a repeated key', `${CAMERA}"hunter2hunter2": 1\n"hunter2hunter2": 2\n`],
  ])('%s', (where, text) => {
    const told = refusal(text);
    expect(told).not.toContain('77770000');
    // The name of an unknown key is shown: it says what to correct.
    if (where !== 'in a repeated key') expect(told).not.toContain('hunter2');
    expect(told.length).toBeLessThan(2_000);
    expect(told).toMatch(/^v\.yml/);
  });

  test.each([
    ['UTF-16', Buffer.from('\uFEFFhunter2-ö\r\n', 'utf16le')],
    ['UTF-16 of the other order', Buffer.from('\uFEFFhunter2-ö\r\n', 'utf16le').swap16()],
    ['UTF-8 with a mark', Buffer.from('\uFEFFhunter2-ö\r\n')],
    ['UTF-8', Buffer.from('hunter2-ö\n')],
  ])('a secret file in %s holds the password, and that is redacted', (_name, bytes) => {
    const path = fileOf(bytes);
    expect(resolveSecrets(`rtsp://u:\${file:${path}}@h/x`, 'source', { env: {}, origin: 'file' })).toBe(
      'rtsp://u:hunter2-%C3%B6@h/x',
    );
    const login = Buffer.from('u:hunter2-ö').toString('base64');
    expect(redact(`hunter2-ö hunter2-%C3%B6 ${login}`)).toBe('*** *** ***');
  });

  test.each([
    ['UTF-16 without a mark', Buffer.from('hunter2', 'utf16le'), /holds no text in UTF-8 or UTF-16$/],
    ['other bytes', Buffer.from([0x68, 0xff, 0xfe, 0x80]), /holds no text in UTF-8 or UTF-16$/],
    ['too many bytes', Buffer.alloc(65_537, 0x61), /has more than 65536 bytes$/],
  ])('a secret file with %s is refused', (_name, bytes, sentence) => {
    const path = fileOf(bytes);
    expect(() => resolveSecrets(`rtsp://u:\${file:${path}}@h/x`, 'source', { env: {}, origin: 'file' })).toThrow(
      sentence,
    );
  });
});

describe('a document that is no tree of a sensible size gets one clear sentence', () => {
  const nested = (open: string, close: string, depth: number): string =>
    `${CAMERA}x: ${open.repeat(depth)}1${close.repeat(depth)}\n`;
  const bomb = Array.from({ length: 10 }, (_, n) => `a${n}: &a${n} [${n === 0 ? 'x' : `*a${n - 1}, `.repeat(9)}]`);

  test.each([
    ['an alias bomb', `${CAMERA}${bomb.join('\n')}\n`, /aliases \(`\*name`\) repeat too much/],
    ['a cycle', `${CAMERA}x: &x [*x]\n`, /x\.0: an alias \(`\*name`\) holds itself/],
    ['a cycle of maps', `${CAMERA}x: &x { y: { z: *x } }\n`, /x\.y\.z: an alias \(`\*name`\) holds itself/],
    ['an alias without an anchor', `${CAMERA}x: *nowhere\n`, /an alias \(`\*name`\) has no anchor/],
    ['51 lists', nested('[', ']', 51), /nested too deep; at most 50 levels are allowed/],
    ['3,000 lists', nested('[', ']', 3_000), /nested too deep/],
    ['20,000 lists', nested('[', ']', 20_000), /nested too deep/],
    ['10,000 maps', nested('{a: ', '}', 10_000), /nested too deep/],
    ['10,000 lists in block form', `${CAMERA}x:\n  ${'- '.repeat(10_000)}1\n`, /nested too deep/],
    ['more text than a configuration has', `${CAMERA}#${'x'.repeat(1024 * 1024)}`, /at most 1048576 are read/],
    ['more values than a configuration has', `${CAMERA}x: [${'1,'.repeat(100_001)}]\n`, /more than 100000 values/],
    [
      '__proto__ as a camera',
      'version: 1\ncameras: { __proto__: { source: "rtsp://h/1" } }\n',
      /cameras\.__proto__: "__proto__" cannot be a name/,
    ],
    [
      '__proto__ anywhere',
      `${CAMERA}workers: { w: { command: [perl], options: { __proto__: 1 } } }\n`,
      /options\.__proto__: "__proto__" cannot be/,
    ],
    [
      'constructor as a camera',
      'version: 1\ncameras: { constructor: { source: "rtsp://h/1" } }\n',
      /cameras\.constructor: "constructor" cannot be a name/,
    ],
    [
      'constructor as a consumer',
      CAMERA.replace(' }', ', consumers: { constructor: { model: m } } }'),
      /consumers\.constructor: "constructor" cannot/,
    ],
    ['constructor as a model', `${CAMERA}models: { constructor: { use: x } }\n`, /models\.constructor: /],
    ['an infinite number', `${CAMERA}cpu: { shed: .inf }\n`, /cpu\.shed: found \.inf, true or false is expected/],
    ['minus infinity', `${CAMERA}cpu: { shed: -.inf }\n`, /cpu\.shed: found -\.inf/],
    [
      'no number',
      CAMERA.replace(' }', ', max_picture: { width: .nan, height: 99 } }'),
      /max_picture\.width: found \.nan, a/,
    ],
    [
      'an infinite size',
      CAMERA.replace(' }', ', max_picture: { width: .inf, height: 99 } }'),
      /max_picture\.width: found \.inf/,
    ],
  ])('%s', (_name, text, sentence) => {
    const told = refusal(text);
    expect(told).toMatch(sentence);
    expect(told.split('\n')).toHaveLength(1);
    expect(told.length).toBeLessThan(500);
    // The same text over another way in.
    dataOf(text);
  });

  test('aliases that repeat a few settings are allowed, and a name like an own one of JavaScript among options', () => {
    const consumers = 'consumers: &c { a: { worker: w } } }\n  yard: { source: "rtsp://h/2", consumers: *c }\n';
    const text = `${CAMERA.replace(' }\n', `, ${consumers}`)}workers: { w: { command: [perl], options: { constructor: 1 } } }\n`;
    const config = parseConfig(text, 'v.yml', { PATH: process.env['PATH'] });
    expect(config.cameras['yard']?.consumers).toEqual(config.cameras['hall']?.consumers);
    expect(config.workers['w']?.options).toEqual({ constructor: 1 });
  });

  test('thousands of problems: the first ones are told, the others counted, without delay', () => {
    const unknown = Array.from({ length: 3_000 }, (_, n) => `some_key_${n}: 1`).join('\n');
    // Took 14 to 39 s once: longer than a test may take.
    const told = refusal(`${CAMERA}${unknown}\n`).split('\n');
    expect(told).toHaveLength(51);
    expect(told.slice(-1)).toEqual(['and 2950 more']);
    const cameras = Array.from(
      { length: 2_000 },
      (_, n) => `  c${n}: { source: "rtsp://h/1", consumers: { a: { model: none } } }`,
    );
    expect(refusal(`version: 1\ncameras:\n${cameras.join('\n')}\n`).split('\n')).toHaveLength(51);
  });

  test('a key that stands twice is found, and 120,000 keys cost no minute', () => {
    expect(refusal(`${CAMERA}node: a\nnode: b\n`)).toBe('v.yml:5:1: not YAML: this key stands twice in its map');
    expect(refusal('version: 1\ncameras:\n  - { a: 1, b: { c: 1, c: 2 } }\n')).toMatch(
      /^v\.yml:3:\d+: not YAML: this key/,
    );
    const keys = Array.from({ length: 120_000 }, (_, n) => `k${n}`);
    const from = performance.now();
    expect(refusal(`version: 1\ncameras: {${keys.join(',')}}\n`)).toMatch(/more than 100000 values/);
    expect(performance.now() - from).toBeLessThan(15_000);
  });

  test('an id that is none is repeated, but nothing that could be a login', () => {
    expect(refusal(`${CAMERA}node: Ward-3\n`)).toMatch(/node: found "Ward-3"; an id is 1 to 63/);
    expect(refusal(`${CAMERA}node: "u:hunter2@h"\n`)).toMatch(/node: a text was found; an id is 1 to 63/);
    expect(refusal(`${CAMERA}workers: { w: { command: "python3 falls.py" } }\n`)).toContain(
      'workers.w.command: a text was found, a list is expected: [first, second, …]',
    );
  });

  test('control characters of keys and values are not printed', () => {
    const told = refusal(`${CAMERA}"a\\e[31m\\nv.yml: all is well\\u202e": 1\nnode: "\\e]0;x\\a"\n`);
    expect(told.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(told.split('\n')).toHaveLength(2);
    const worker = `${CAMERA}workers: { w: { command: ["/no\\e[2J\\nsuch"], dir: "${'d'.repeat(60_109)}" } }\n`;
    expect(refusal(worker).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(refusal(worker).length).toBeLessThan(5_000);
    expect(refusal(`${CAMERA}${'k'.repeat(900_046)}: 1\n`).length).toBeLessThan(1_000);
  });

  test('a file that is a device, or too long, is not read', () => {
    expect(() => loadConfig('/dev/zero')).toThrow(/\/dev\/zero: more than 1048576 bytes/);
    const utf16 = fileOf(Buffer.from('\uFEFFversion: 1\ncameras: { a: { source: "rtsp://h/1" } }\n', 'utf16le'));
    expect(Object.keys(loadConfig(utf16).cameras)).toEqual(['a']);
  });
});

test.each([
  ['a variable', '${\u001b[2J\u202ex}'],
  ['a file', '${file:/nowhere/\u001b[2J\u202ex}'],
])('the name of %s is shown on one line, printable', (_what, reference) => {
  const source = JSON.stringify(`rtsp://u:${reference}@h/1`);
  const text = refusal(`version: 1\ncameras: { hall: { source: ${source} } }\n`);
  expect(text).toContain('\ufffd[2J\ufffdx');
  // eslint-disable-next-line no-control-regex -- what must not be there
  expect(text).not.toMatch(/[\u0000-\u001f\u202e]/);
});

import { VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { parseConfig } from './load-config.ts';

// One problem each: one sentence with line, path, what was found and what is allowed.

const GOOD = `version: 1
node: n
cameras:
  hall:
    source: rtsp://127.0.0.1:1/x
    consumers:
      people: { model: ssdlite }
models:
  ssdlite: { use: ssdlite-mobilenet-v2 }
`;

test.each([
  [
    'unknown key',
    GOOD.replace('source:', 'sorce:'),
    /vigia\.yml:5: cameras\.hall\.sorce: unknown key, did you mean "source"\?; allowed are source, detect_source, transport, .*consumers/,
  ],
  [
    'wrong type',
    GOOD.replace('{ model: ssdlite }', '{ model: ssdlite, fps: fast }'),
    /vigia\.yml:7: cameras\.hall\.consumers\.people\.fps: found "fast", a number is expected/,
  ],
  ['nothing', '', /^vigia\.yml:1: the file is empty: a first configuration is in vigia --help$/],
  ['only a comment', '# later\n', /^vigia\.yml:1: the file is empty: /],
  [
    'a duration without its unit',
    GOOD.replace('consumers:', 'record: { mode: always, keep: 7 }\n    consumers:'),
    /cameras\.hall\.record\.keep: a number was found, a text is expected: with its unit, such as 7d or 7s$/,
  ],
  [
    'a size without its unit',
    `${GOOD}storage: { max_bytes: 400 }\n`,
    /storage\.max_bytes: a number was found, a text is expected: with its unit, such as 400GB$/,
  ],
  [
    'out of range',
    GOOD.replace('{ model: ssdlite }', '{ model: ssdlite, fps: -1 }'),
    /people\.fps: found -1, more than 0 is allowed/,
  ],
  [
    'wrong word',
    GOOD.replace('{ model: ssdlite }', '{ model: ssdlite, sla: critcal }'),
    /people\.sla: found "critcal", allowed are critical, high, normal, best-effort, did you mean "critical"\?/,
  ],
  [
    'dangling model',
    GOOD.replace('{ model: ssdlite }', '{ model: ssdlit }'),
    /people\.model: there is no model "ssdlit", did you mean "ssdlite"\?; defined are ssdlite/,
  ],
  [
    'missing secret',
    GOOD.replace('rtsp://127', 'rtsp://me:${NO_SUCH_SECRET_1}@127'),
    /cameras\.hall\.source: the environment variable NO_SUCH_SECRET_1 is not set/,
  ],
  [
    'another scheme',
    GOOD.replace('rtsp://127.0.0.1:1/x', 'ftp://127.0.0.1/x'),
    /vigia\.yml:5: cameras\.hall\.source: found ftp:, allowed are rtsp:\/\/…, rtsps:\/\/…, http:\/\/…/,
  ],
  [
    'a second stream of another scheme',
    GOOD.replace('    consumers:', '    detect_source: clip.mp4\n    consumers:'),
    /vigia\.yml:6: cameras\.hall\.detect_source: found no scheme, allowed are/,
  ],
  [
    'a secret of the second stream that is not set',
    GOOD.replace('    consumers:', '    detect_source: rtsp://u:${NO_SUCH_SECRET_1}@h/x\n    consumers:'),
    /cameras\.hall\.detect_source: the environment variable NO_SUCH_SECRET_1 is not set/,
  ],
  [
    'UDP inside of TLS',
    GOOD.replace('rtsp://127.0.0.1:1/x', 'rtsps://127.0.0.1/x\n    transport: udp'),
    /cameras\.hall\.transport: found udp, an rtsps:\/\/ source allows only tcp/,
  ],
  [
    'an authority that is not there',
    GOOD.replace('    consumers:', '    tls: { ca: /nowhere.pem }\n    consumers:'),
    /cameras\.hall\.tls: found ca \/nowhere\.pem, no such file/,
  ],
  [
    'a picture of no size',
    GOOD.replace('    consumers:', '    max_picture: { width: 3, height: 2160 }\n    consumers:'),
    /cameras\.hall\.max_picture\.width: found 3, at least 16 is allowed/,
  ],
  ['a key of a later version', `${GOOD}notify: {}\n`, /notify: notifications come in a later version/],
  ['not YAML', 'version: [1', /vigia\.yml:1:\d+: not YAML/],
  [
    'an alias bomb',
    `${GOOD}a: &a [1,1]\n${'bcdefgh'
      .split('')
      .map((c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)
      .join('')}`,
    /its aliases \(`\*name`\) repeat too much/,
  ],
  [
    'an alias without an anchor',
    `${GOOD}x: *nowhere\n`,
    /vigia\.yml: not readable as YAML: an alias \(`\*name`\) has no anchor/,
  ],
  ['a cycle', `${GOOD}x: &x [*x]\n`, /vigia\.yml:\d+: x\.0: an alias \(`\*name`\) holds itself/],
  ['deep nesting', `${GOOD}x: ${'['.repeat(9_000)}`, /nested too deep; at most 50 levels/],
  ['a name that is none', GOOD.replace('hall:', '__proto__:'), /cameras\.__proto__: "__proto__" cannot be a name/],
  ['reserved id', GOOD.replace('hall:', 'status:'), /cameras\.status: "status" is reserved/],
  ['no camera', 'version: 1\ncameras: {}\n', /cameras: no camera; name at least one/],
  [
    'region outside',
    GOOD.replace('    consumers:', '    roi: { x: 0.5, y: 0, width: 0.8, height: 1 }\n    consumers:'),
    /cameras\.hall\.roi: .*must lie inside the picture/,
  ],
])('%s', (_name, text, sentence) => {
  let problem: unknown;
  try {
    parseConfig(text, 'vigia.yml', {});
  } catch (error) {
    problem = error;
  }
  expect(problem).toBeInstanceOf(VigiaError);
  const { message } = problem as VigiaError;
  expect(message).toMatch(sentence);
  expect(message.split('\n')).toHaveLength(1);
});

import { redact } from '@vigia/base';
import { configSchema } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { patchedCamera } from './settings.ts';

/** As it is in force: secrets are filled in. */
const DOCUMENT = configSchema.parse({
  version: 1,
  cameras: {
    hall: {
      source: 'rtsp://viewer:pa%40ss@camera.example/stream1?password=secret',
      detect_source: 'rtsp://viewer:pa%40ss@camera.example/stream2',
      consumers: { people: { model: 'ssdlite', fps: 5, sla: 'critical' }, pose: { model: 'ssdlite' } },
    },
  },
  models: { ssdlite: { use: 'ssdlite-mobilenet-v2' } },
});
const HALL = DOCUMENT.cameras['hall'] as NonNullable<(typeof DOCUMENT.cameras)['hall']>;
const patched = (patch: unknown) => patchedCamera('hall', patch, DOCUMENT, true);

test('what is absent stays, also addresses with secrets', () => {
  expect(patched({})).toEqual(HALL);
  expect(patched({ on_loss: 'conceal' })).toEqual({ ...HALL, on_loss: 'conceal' });
});

test('objects are merged, null removes, other values replace', () => {
  const { consumers, detect_source: detect } = patched({
    detect_source: null,
    consumers: { people: { enabled: false, fps: null }, pose: null, more: { model: 'ssdlite', fps: 1 } },
  });
  expect(detect).toBeUndefined();
  expect(Object.keys(consumers)).toEqual(['people', 'more']);
  expect(consumers['people']).toMatchObject({ enabled: false, sla: 'critical', model: 'ssdlite' });
  expect(consumers['people']?.fps).toBeUndefined();
});

test('a password is taken, and redacted from then on', () => {
  const source = 'rtsp://u:settings%2Fpass@h/x?pwd=query-pass';
  expect(patched({ source }).source).toBe(source);
  expect(redact(`settings%2Fpass settings/pass query-pass`)).toBe('*** *** ***');
});

test.each(['a@b', 'a/b', 'a?b', 'a#b', 'a b'])('a password that is not encoded is refused: %s', (password) => {
  expect(() => patched({ source: `rtsp://u:${password}@h/x` })).toThrow(
    'cameras.hall.source: the password has characters that separate the parts of an address; write @ as %40, ',
  );
});

test.each(['rtsp://u:a%40b@h/x@y', 'rtsp://u:a:b@h:554/x?mail=me@home', 'rtsp://h/user=u&password=a@b'])(
  'an address with a password is taken: %s',
  (source) => {
    expect(patched({ source }).source).toBe(source);
  },
);

test('the document in force is not touched', () => {
  const before = structuredClone(DOCUMENT);
  patched({ consumers: { people: { fps: 1 } }, decoder: { threads: 2 } });
  expect(DOCUMENT).toEqual(before);
});

test.each([
  ['a mask', { source: 'rtsp://***@h/x' }, /found \*\*\*/],
  ['an unknown key', { sorce: 1 }, /cameras\.hall\.sorce: unknown key/],
  [
    'a key of every object',
    JSON.parse('{"__proto__":{"on_loss":"conceal"}}'),
    /__proto__: "__proto__" cannot be a name/,
  ],
  ['a missing model', { consumers: { people: { model: 'x' } } }, /there is no model "x"/],
  ['the only source', { source: null }, /cameras\.hall\.source/],
])('%s is refused', (_what, patch, sentence) => {
  expect(() => patched(patch)).toThrow(sentence);
});

test('no such camera', () => {
  expect(() => patchedCamera('constructor', {}, DOCUMENT, true)).toThrow('there is no camera "constructor"');
});

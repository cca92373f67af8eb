import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { parseConfig } from './load-config.ts';
import { nearest } from './nearest.ts';
import { resolveSecrets } from './secrets.ts';

describe('secrets', () => {
  test('from the environment and from files, encoded in front of an @, and redacted from then on', () => {
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

  test('what is missing is named', () => {
    expect(() => resolveSecrets('rtsp://u:${NOPE_1}@h', 'cameras.a.source', {})).toThrow(
      'cameras.a.source: the environment variable NOPE_1 is not set',
    );
    expect(() => resolveSecrets('rtsp://u:${file:/nowhere}@h', 'cameras.a.source', {})).toThrow(
      /\/nowhere cannot be read \(ENOENT\)/,
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
    expect(config.cameras['a']?.consumers['p']).toEqual({ model: 'm', sla: 'normal', deadline_ms: 1000 });
  });

  test('the nearest word is offered only when it is near', () => {
    expect(nearest('sorce', ['source', 'roi'])).toBe('source');
    expect(nearest('xyz', ['source', 'roi'])).toBeUndefined();
  });
});

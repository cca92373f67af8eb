import { UsageError } from '@vigia/base';
import { expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

const REQUIRED = ['--model-id', 'm', '--model', '/models/m', '--socket', '/run/m.sock'];

test('arguments are read, with their defaults', () => {
  expect(parseArguments(REQUIRED)).toEqual({
    modelId: 'm',
    source: { kind: 'folder', dir: '/models/m' },
    socketPath: '/run/m.sock',
    threads: 1,
    provider: 'cpu',
    maxBatch: undefined,
    allowDirs: [],
  });
  const more = [...REQUIRED, '--threads', '4', '--allow-dir', '/a', '--allow-dir', '/b'];
  expect(parseArguments(more)).toMatchObject({ threads: 4, allowDirs: ['/a', '/b'] });
  const module = [
    '--model-id',
    'm',
    '--module',
    '/m.mjs',
    '--socket',
    '/run/m.sock',
    '--provider',
    'cuda',
    '--max-batch',
    '4',
  ];
  expect(parseArguments(module)).toMatchObject({
    source: { kind: 'module', path: '/m.mjs' },
    provider: 'cuda',
    maxBatch: 4,
  });
});

test.each([
  [[]],
  [REQUIRED.slice(2)],
  [[...REQUIRED, '--threads', '0']],
  [[...REQUIRED, '--threads', '1.5']],
  [[...REQUIRED, '--verbose']],
  [[...REQUIRED, '--module', '/m.mjs']],
  [[...REQUIRED, '--provider', 'abacus']],
  [[...REQUIRED, '--max-batch', '65']],
  [[...REQUIRED, 'x']],
])('wrong usage is an error: %j', (argv) => expect(() => parseArguments(argv)).toThrow(UsageError));

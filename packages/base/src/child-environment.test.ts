import { expect, test } from 'vitest';
import { childEnvironment, REMOTE_TOKEN } from './child-environment.ts';

test('a child gets what any program needs, and no variable that may be a secret', () => {
  const needed = { PATH: '/bin', HOME: '/root', LC_ALL: 'C', TZ: 'UTC', PYTHONPATH: '/sdk', CUDA_VISIBLE_DEVICES: '0' };
  const kept = {
    MQTT_PASSWORD: 'x',
    HALL: 'x',
    [REMOTE_TOKEN]: 'x',
    PYTHON_TOKEN: 'x',
    CUDA_LICENCE_KEY: 'x',
    npm_config_auth: 'x',
  };
  expect(childEnvironment([], { ...needed, ...kept })).toEqual(needed);
});

test('and what it needs besides, by name', () => {
  expect(childEnvironment([REMOTE_TOKEN], { PATH: '/bin', [REMOTE_TOKEN]: 'x', OTHER: 'x' })).toEqual({
    PATH: '/bin',
    [REMOTE_TOKEN]: 'x',
  });
});

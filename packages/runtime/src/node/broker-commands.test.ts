import { VigiaError } from '@vigia/base';
import { API_NAMES } from '@vigia/contracts/api';
import { CAMERA_COMMANDS, NODE_COMMANDS } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import type { ApiCall } from '#services/control-plane';
import { brokerCommands } from './broker-commands.ts';

let calls: ApiCall[];
beforeEach(() => {
  calls = [];
});
const door = brokerCommands(
  () => ({
    call: async (call) => calls.push(call),
    refusal: (error, what) => ({ status: 409, body: { error: { code: 'x', message: `${what}: ${String(error)}` } } }),
  }),
  'mqtts://user:broker-pass@broker.example:8883',
);

/** The request that a command becomes. */
async function callOf(camera: string, command: string, payload: object = {}): Promise<ApiCall | undefined> {
  const work = door.workOf({ id: 'i', camera, command, payload: { id: 'i', ...payload } });
  expect(calls).toEqual([]);
  await work();
  return calls.pop();
}

test('a command becomes a request to the route of its name, with its id as the key', async () => {
  const visitor = {
    identity: expect.objectContaining({ who: 'mqtt', role: 'admin' }),
    from: 'broker.example',
    trusted: false,
  };
  const common = { visitor, key: 'i', query: {}, body: undefined, expected: undefined };
  const params = { camera: 'hall' };
  expect(await callOf('hall', 'restart')).toEqual({ ...common, route: 'restartCamera', params });
  expect(await callOf('hall', 'restart_consumer', { consumer: 'people' })).toEqual({
    ...common,
    route: 'restartConsumer',
    params: { camera: 'hall', consumer: 'people' },
  });
  const body = { source: 'rtsp://a/1' };
  expect(await callOf('hall', 'put', { settings: body, revision: 3 })).toEqual({
    ...common,
    route: 'putCamera',
    params,
    body,
    expected: 3,
  });
  expect(await callOf('hall', 'remove')).toEqual({ ...common, route: 'removeCamera', params });
  expect(await callOf('_node', 'reload')).toEqual({ ...common, route: 'reload', params: {} });
});

test('every command names a route; none ends the node', () => {
  const routes = [...Object.values(CAMERA_COMMANDS), ...Object.values(NODE_COMMANDS)].map(({ route }) => route);
  expect(routes.filter((route) => !API_NAMES.includes(route))).toEqual([]);
  expect(routes).not.toContain('stop');
});

test.each([
  ['hall', 'reload', ['restart', 'restart_consumer', 'put', 'remove']],
  ['hall', 'constructor', ['restart', 'restart_consumer', 'put', 'remove']],
  ['_node', 'restart', ['reload', 'status', 'report', 'config']],
  ['_node', 'stop', ['reload', 'status', 'report', 'config']],
])('%s has no command %s', (camera, command, commands) => {
  expect(() => door.workOf({ id: 'i', camera, command, payload: { id: 'i' } })).toThrow(
    expect.objectContaining({
      code: 'unknown_command',
      message: expect.stringContaining(`there are ${commands.join(', ')}`),
      details: { commands },
    }),
  );
});

test.each([
  ['_other', 'restart', {}, /^topic: "_other" is no id of a camera/],
  ['hall', 'restart', { now: true }, /^payload: .*now/],
  ['hall', 'restart_consumer', {}, /^payload\.consumer: /],
  ['hall', 'restart_consumer', { consumer: '../hall' }, /^payload\.consumer: /],
  ['hall', 'put', {}, /^payload\.settings: /],
  ['hall', 'put', { settings: [] }, /^payload\.settings: /],
  ['hall', 'put', { settings: { source: 'rtsp://${file:/etc/x}@a/1' } }, /^payload\.settings: references/],
  [
    'hall',
    'put',
    { settings: { source: 'rtsp://a/1', detect_source: 'rtsp://u:pw@a/2' } },
    /^payload\.settings: passwords/,
  ],
  ['hall', 'put', { settings: {}, revision: 0 }, /^payload\.revision: /],
  ['hall', 'remove', { revision: '3' }, /^payload\.revision: /],
])('%s/%s with %o is refused', (camera, command, payload, message) => {
  expect(() => door.workOf({ id: 'i', camera, command, payload: { id: 'i', ...payload } })).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  );
});

test('an error is the one of the API', () => {
  expect(door.errorOf(new VigiaError('busy', 'full'), 'command')).toEqual({
    code: 'x',
    message: expect.stringContaining('command: VigiaError: full'),
  });
});

// A camera that the node does not have is tried: what it sends, or why it does not, and nothing of it is left.
import { createServer, type Server } from 'node:net';
import { ApiError } from '@vigia/client';
import type { Probed } from '@vigia/contracts/api';
import { SimulatedCamera } from '@vigia/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiNode } from './support/api-node.ts';
import { freePort } from './support/programs.ts';
import { CLIP } from './support/vigia.ts';

const SECRET = 'k33p-th1s';
let node: ApiNode;
let camera: SimulatedCamera;
/** Takes connections, and never says anything. */
let silent: Server;

beforeAll(async () => {
  node = await ApiNode.start();
  camera = await SimulatedCamera.start({
    clip: CLIP,
    path: '/Streaming/Channels/101',
    auth: { scheme: 'digest', user: 'care', password: SECRET },
  });
  silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  silent.close();
  await camera.close();
  await node.close();
});

function tried(source: string): Promise<Probed> {
  return node.overTcp.probe({ body: { source } });
}

async function refusal(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ApiError) return `${error.status} ${error.message}`;
  throw new Error(`it was not refused: ${String(error)}`);
}

const address = (login: string): string => {
  const url = new URL(camera.url);
  return `rtsp://${login}${url.host}${url.pathname}`;
};

test('what a camera sends, with a picture; the one that runs is not disturbed, and the password is nowhere', async () => {
  const before = await node.overTcp.report();
  const live = await tried(address(`care:${SECRET}@`));
  expect(live).toMatchObject({
    state: 'live',
    reason: null,
    message: null,
    stream: { kind: 'rtsp', transport: 'tcp', codec: 'h264', decode: 'full' },
    small_stream: '/Streaming/Channels/102',
  });
  expect(live.stream?.width).toBeGreaterThan(0);
  expect(live.stream?.interval_ms).toBeGreaterThan(0);
  expect(live.memory_bytes).toBeGreaterThan(10_000_000);
  const jpeg = Buffer.from(live.picture?.jpeg ?? '', 'base64');
  expect([jpeg.readUInt16BE(0), jpeg.readUInt16BE(jpeg.length - 2)]).toEqual([0xff_d8, 0xff_d9]);
  expect((live.picture?.width ?? 0) / (live.picture?.height ?? 1)).toBeCloseTo(
    (live.stream?.width ?? 0) / (live.stream?.height ?? 1),
    1,
  );
  const after = await node.overTcp.report();
  expect(Object.keys(after.cameras)).toEqual(Object.keys(before.cameras));
  expect(after.cameras['hall']?.restarts).toBe(0);
  expect(Object.keys(after.system.processes).sort()).toEqual(Object.keys(before.system.processes).sort());
  const said = JSON.stringify([live, after, node.vigia.lines, await node.overTcp.logs(), await node.overTcp.config()]);
  expect(said).not.toContain(SECRET);
});

test('why none comes, in one sentence', { timeout: 60_000 }, async () => {
  const message = expect.any(String);
  const failed = { state: 'waiting', message, picture: null, stream: null };
  expect(await tried(address('care:wrong@'))).toMatchObject({ ...failed, reason: 'unauthorized' });
  expect(await tried(`rtsp://127.0.0.1:${await freePort()}/`)).toMatchObject({ ...failed, reason: 'refused' });
  expect(await tried('rtsp://no-such-host.invalid/')).toMatchObject({ ...failed, reason: 'dns' });
  const { port } = silent.address() as { readonly port: number };
  const begun = performance.now();
  const slow = tried(`rtsp://127.0.0.1:${port}/`);
  // One at a time.
  await expect
    .poll(async () => Object.keys((await node.overTcp.report()).system.processes), { timeout: 10_000 })
    .toContain('camera:_probe');
  expect(await refusal(tried(camera.url))).toBe('503 another camera is being tried: one at a time, for 15 s at most');
  expect(await slow).toMatchObject({ reason: 'timeout', message, picture: null });
  expect(performance.now() - begun).toBeLessThan(30_000);
});

test('what is no address is refused before anything is connected', async () => {
  expect(await refusal(tried('ftp://camera/1'))).toContain('400 body.source: found ftp:, allowed are rtsp://…');
  expect(await refusal(tried(''))).toMatch(/^400 body\.source: /);
  expect(await refusal(node.overTcp.probe({ body: { source: camera.url, x: 1 } as never }))).toBe(
    '400 body: unknown key "x"',
  );
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { peerUser } from './peer-user.ts';

const NOBODY = 65_534;

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function listening(): Promise<{ readonly server: Server; readonly path: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-peer-'));
  const path = join(dir, 's.sock');
  chmodSync(dir, 0o755);
  const server = createServer().listen(path);
  closers.push(
    () => rmSync(dir, { recursive: true }),
    () => server.close(),
  );
  await once(server, 'listening');
  chmodSync(path, 0o777);
  return { server, path };
}

test('both ends of a Unix socket know the user of the other one', async () => {
  const { server, path } = await listening();
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect(path);
  closers.push(() => client.destroy());
  await once(client, 'connect');
  const [socket] = await accepted;
  closers.push(() => socket.destroy());
  expect([peerUser(client), peerUser(socket)]).toEqual([process.getuid?.(), process.getuid?.()]);
  client.destroy();
  expect(peerUser(client)).toBeUndefined();
});

test.runIf(process.getuid?.() === 0)('another user is known as such', async () => {
  const { server, path } = await listening();
  const program = `import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\nsys.stdin.read()`;
  const stranger = spawn('/usr/bin/python3', ['-c', program, path], {
    uid: NOBODY,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  closers.push(() => stranger.kill('SIGKILL'));
  const [socket] = (await once(server, 'connection')) as [Socket];
  closers.push(() => socket.destroy());
  expect(peerUser(socket)).toBe(NOBODY);
});

test('a TCP socket has no user', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const client = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
  closers.push(() => client.destroy());
  await once(client, 'connect');
  expect(peerUser(client)).toBeUndefined();
});

import { mkdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProgram } from './support/programs.ts';
import { closers, command } from './support/running-node.ts';
import { Sandbox } from './support/vigia.ts';

const http = (status: string, body: string, more = ''): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;

/** What may be at the path of a control socket that is not a node of ours. */
const MANNERS: Readonly<Record<string, (socket: Socket) => void>> = {
  'closes at once': (socket) => socket.destroy(),
  'closes without an answer': (socket) => socket.once('data', () => socket.end()),
  'changes the protocol': (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')),
  'ends in the middle': (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"sta')),
  'speaks something else': (socket) => socket.once('data', () => socket.end('220 mail ESMTP\r\n')),
  'answers 200 to everything': (socket) => socket.once('data', () => socket.end(http('200 OK', 'ok'))),
  'answers another document': (socket) => socket.once('data', () => socket.end(http('200 OK', '{"status":"failing"}'))),
  'answers null': (socket) => socket.once('data', () => socket.end(http('200 OK', 'null'))),
  'has errors of another form': (socket) =>
    socket.once('data', () => socket.end(http('500 No', '{"error":{"code":7,"message":["x"]}}'))),
  'sends escape sequences': (socket) =>
    socket.once('data', () =>
      socket.end(http('409 No', JSON.stringify({ error: { code: 'x', message: '\u001b[2Jgone\u0007' } }))),
    ),
  'sends without end': (socket) =>
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    }),
};

const COMMANDS = [['health'], ['status'], ['reload'], ['stop'], ['events'], ['snapshot', 'hall', '/dev/null']] as const;

test.each(Object.entries(MANNERS))(
  'a control socket that %s: one sentence, soon',
  { timeout: 60_000 },
  async (name, manner) => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    mkdirSync(box.runDir, { recursive: true, mode: 0o700 });
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      manner(socket);
    }).listen(join(box.runDir, 'control.sock'));
    closers.push(() => server.close());
    const number = Object.keys(MANNERS).indexOf(name);
    for (const args of [COMMANDS[0], COMMANDS[1 + (number % (COMMANDS.length - 1))] ?? COMMANDS[0]]) {
      const startMs = performance.now();
      const { code, stdout, stderr } = await command(box, ...args);
      const text = `${args[0]}: ${code} ${stdout}${stderr}`;
      expect(text).toMatch(/^\w+: 1 vigia: [^\n]+\n$/);
      // eslint-disable-next-line no-control-regex -- what must not be there
      expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      expect(performance.now() - startMs).toBeLessThan(12_000);
    }
  },
);

test.runIf(process.getuid?.() === 0)(
  'a control socket on which another user listens is not believed, whatever the folder says',
  { timeout: 60_000 },
  async () => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    mkdirSync(box.runDir, { recursive: true, mode: 0o700 });
    const path = join(box.runDir, 'control.sock');
    // Bound by root, and then listened on by nobody: the kernel notes who calls listen(2).
    const program = `import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.setuid(65534)
s.listen()
print("listens", flush=True)
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")`;
    const stranger = startProgram('/usr/bin/python3', ['-c', program, path]);
    closers.push(() => stranger.stop());
    await stranger.line(/listens/);
    const { code, stderr } = await command(box, 'health');
    expect([code, stderr]).toEqual([
      1,
      `vigia: ${path}: user 65534 listens there, not user 0: somebody else took the node's place\n`,
    ]);
  },
);

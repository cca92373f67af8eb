import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessNode, type Holder } from './support/access-node.ts';

let node: AccessNode;
let admin: Holder;
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const JSON_BODY = { 'content-type': 'application/json' };

beforeAll(async () => {
  node = await AccessNode.start();
  admin = await node.holder('admin', 'admin', 'all');
});

afterAll(async () => {
  const { vigia } = node;
  expect(await node.close()).toBe(0);
  expect(vigia.stderr).not.toContain('internal');
});

describe('an admin on the network', () => {
  const put = (path: string, body: string, type = 'application/json') =>
    node.raw('PUT', path, { 'content-type': type, ...bearer(admin.token) }, body);

  test.each([
    ['a file as a camera', '{"source":"file:/etc/passwd"}', /over the network rtsp/],
    ['a device', '{"source":"v4l2:/dev/video0"}', /over the network rtsp/],
    [
      'a small stream from a file',
      '{"source":"rtsp://h/1","detect_source":"file:/x.mp4"}',
      /detect_source: over the network/,
    ],
    ['a file of an authority', '{"source":"rtsps://h/1","tls":{"ca":"/etc/passwd"}}', /tls\.ca: programs and files/],
  ])('may not set %s', async (_what, body, sentence) => {
    const { status, text } = await put('/api/v1/cameras/new', body);
    expect(text).toMatch(sentence);
    expect(status).toBe(400);
  });

  test.each([
    ['the command of a worker', 'command: [/bin/true]', 'command: [/bin/false]', /workers\.idle\.command: programs/],
    [
      'its environment',
      '{ command: [/bin/true]',
      '{ env: { LD_PRELOAD: /tmp/x.so }, command: [/bin/true]',
      /workers\.idle\.env/,
    ],
    ['its folder', '{ command: [/bin/true]', '{ dir: /tmp, command: [/bin/true]', /workers\.idle\.dir/],
    ['another worker', 'workers:', 'workers:\n  more: { command: [/bin/true] }', /workers\.more\.command/],
    ['the files of the certificate', '/cert.pem', '/key.pem', /http\.tls/],
  ])('may not set %s', async (_what, from, to, sentence) => {
    const { status, text } = await put('/api/v1/config', node.document.replace(from, to), 'application/yaml');
    expect(text).toMatch(sentence);
    expect(status).toBe(400);
  });

  test.each([
    [
      'written with escapes',
      'cameras:',
      'webhooks: { x: { url: "http://h/", headers: { a: "$\\x7bHOME}" } } }\ncameras:',
    ],
    ['in a key', 'cameras:', 'webhooks: { x: { url: "http://h/", headers: { "\\u0024{HOME}": b } } }\ncameras:'],
  ])('may not use references, %s', async (_what, from, to) => {
    for (const path of ['/api/v1/config', '/api/v1/config?dry_run=1']) {
      const { status, text } = await put(path, node.document.replace(from, to), 'application/yaml');
      expect([status, text]).toEqual([400, expect.stringContaining('references such as')]);
    }
  });

  test('does not learn which files exist', async () => {
    const sentences = ['/etc/shadow', '/etc/nope'].map(async (file) => {
      const text = node.document.replace('command: [/bin/true]', `command: [${file}]`);
      return (await put('/api/v1/config?dry_run=1', text, 'application/yaml')).text;
    });
    const [there, absent] = await Promise.all(sentences);
    expect(there).toBe(absent);
  });

  test('may leave them as they are, and goes back to an earlier revision', async () => {
    const { revision } = await node.local.config();
    const changed = node.document.replace('/yard"', '/garden"');
    expect((await put('/api/v1/config', changed, 'application/yaml')).status).toBe(200);
    const headers = { ...JSON_BODY, ...bearer(admin.token) };
    const back = await node.raw('POST', '/api/v1/config/rollback', headers, JSON.stringify({ revision }));
    expect(JSON.parse(back.text)).toMatchObject({
      changes: expect.arrayContaining(['cameras.yard.source: "rtsp://127.0.0.1:1/garden" → "rtsp://127.0.0.1:1/yard"']),
    });
    expect((await node.raw('POST', '/api/v1/config/rollback', headers, '{"revision":999}')).status).toBe(404);
  });
});

describe('a webhook', () => {
  test('gets what is stored from then on; its headers are shown nowhere; an alarm is acknowledged', async () => {
    const got: { readonly kind: string; readonly key: string | undefined }[] = [];
    const receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        got.push({ kind: (JSON.parse(text) as { kind: string }).kind, key: request.headers['x-tenant'] as string });
        response.end();
        receiver.emit('got');
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const hook = `webhooks: { home: { url: "${url}", kinds: [audit, config], headers: { x-tenant: hush } } }\n`;
    await node.local.putConfig({ body: node.document + hook });
    await node.local.restartCamera({ params: { camera: 'hall' } });
    while (got.length < 2) await once(receiver, 'got');
    expect(new Set(got.map(({ key }) => key))).toEqual(new Set(['hush']));
    expect(got.map(({ kind }) => kind)).toContain('audit');
    expect(JSON.stringify([await node.local.config(), await node.local.revisions()])).not.toContain('hush');
    await node.local.putConfig({ body: node.document });
    receiver.close();
    const [notice] = (await node.local.events({ query: { limit: 1 } })).events;
    await expect(node.local.acknowledge({ params: { event: notice?.id ?? '' } })).rejects.toMatchObject({
      code: 'no_alarm',
    });
    const unknown = node.local.acknowledge({ params: { event: '0'.repeat(26) } });
    await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the port', () => {
  test('speaks TLS only', async () => {
    expect(await node.statusWithoutTls()).toBe(307);
  });

  test('uses a new certificate after a reload; one that does not fit changes nothing', async () => {
    const serial = async (): Promise<string> => {
      const socket = connectTls({ host: '127.0.0.1', port: node.port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await serial();
    node.certify();
    await node.local.reload();
    const after = await serial();
    expect(after).not.toBe(before);
    const key = readFileSync(join(node.box.dir, 'key.pem'));
    writeFileSync(join(node.box.dir, 'key.pem'), 'no key');
    await node.local.reload();
    await node.vigia.until('a sentence', () => node.vigia.stderr.includes('the previous certificate stays in use'));
    expect(await serial()).toBe(after);
    writeFileSync(join(node.box.dir, 'key.pem'), key);
  });

  test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:1'])(
    'does not answer to the name %s',
    async (host) => {
      expect((await node.raw('GET', '/healthz', { host })).status).toBe(403);
    },
  );

  test('answers to an address in digits', async () => {
    expect((await node.raw('GET', '/readyz', { host: '192.168.1.7:443' })).status).not.toBe(403);
  });

  test('tells strangers neither cameras nor problems', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await node.raw('GET', path)).text).not.toMatch(/hall|yard/);
  });
});

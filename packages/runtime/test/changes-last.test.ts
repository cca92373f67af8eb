import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimulatedCamera } from '@vigia/testkit';
import { API } from '@vigia/contracts/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessNode, type Holder } from './support/access-node.ts';
import { CLIP, Vigia } from './support/vigia.ts';

/** With what a URL encodes, JSON escapes and YAML quotes. */
const SECRET = 'wet/"Paint: 4@7';

/** A camera with a password, which an admin adds over TLS to a node that runs. */
describe('what is changed at runtime', () => {
  let node: AccessNode;
  let camera: SimulatedCamera;
  let admin: Holder;
  let operator: Holder;
  /** The node after its restart. */
  let later: Vigia;
  beforeAll(async () => {
    camera = await SimulatedCamera.start({
      clip: CLIP,
      fps: 5,
      auth: { scheme: 'digest', user: 'viewer', password: SECRET },
    });
    node = await AccessNode.start();
    admin = await node.holder('ada', 'admin', 'all');
    operator = await node.holder('otto', 'operator', 'all');
  });
  afterAll(async () => {
    node.vigia.process.kill('SIGKILL');
    later?.process.kill('SIGTERM');
    expect(await later?.ended()).toBe(0);
    await camera.close();
    node.box.remove();
  });

  const as = ({ token }: Holder): Record<string, string> => ({
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
  });
  const withPassword = (): string => camera.url.replace('rtsp://', `rtsp://viewer:${encodeURIComponent(SECRET)}@`);
  const config = async (): Promise<{ revision: number; beside_file: string[] }> => {
    const { text } = await node.raw('GET', '/api/v1/config', as(admin));
    return JSON.parse(text) as { revision: number; beside_file: string[] };
  };
  const liveIn = (vigia: Vigia): boolean =>
    vigia.lines.some((line) => line.type === 'camera_state' && line.camera === 'door' && line.state === 'live');

  /** Everything that the node shows to anybody but the camera itself. */
  async function surfaces(vigia: Vigia): Promise<Map<string, string>> {
    const found = new Map([
      ['stdout', JSON.stringify(vigia.lines)],
      ['stderr', vigia.stderr],
    ]);
    for (const { method, path } of Object.values(API)) {
      if (method !== 'GET' || /stream|recordings\/|\.jpg|\.m3u8|\.mp4|live|mjpeg/.test(path)) continue;
      const asked = path.replace('{camera}', 'door').replace('{event}', 'none');
      found.set(`GET ${asked}`, (await node.raw('GET', asked, as(admin))).text);
    }
    const yaml = join(node.box.dir, 'vigia.yml');
    for (const words of [['check', '--diff'], ['status', '--json'], ['logs'], ['events', '--json'], ['health']]) {
      const { stdout, stderr } = node.command([...words, '-c', yaml]);
      found.set(`vigia ${words.join(' ')}`, stdout + stderr);
    }
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      for (const what of ['cmdline', 'environ']) {
        try {
          found.set(`/proc/${pid}/${what}`, readFileSync(`/proc/${pid}/${what}`, 'latin1'));
        } catch {
          // It has ended meanwhile.
        }
      }
    for (const folder of [node.box.runDir, join(node.box.dir, 'state')])
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (name !== 'changes.json' && statSync(path).isFile()) found.set(path, readFileSync(path, 'latin1'));
      }
    return found;
  }

  const formsOfSecret = [SECRET, encodeURIComponent(SECRET), JSON.stringify(SECRET).slice(1, -1)].concat(
    Buffer.from(SECRET).toString('base64'),
  );
  const leaking = (all: Map<string, string>): string[] =>
    [...all].filter(([, text]) => formsOfSecret.some((form) => text.includes(form))).map(([where]) => where);

  test('an admin adds a camera with a password over TLS; it is watched, and its password is on no surface', async () => {
    const body = JSON.stringify({ source: withPassword() });
    const path = '/api/v1/cameras/door';
    expect((await node.raw('PUT', path, as(operator), body)).status).toBe(403);
    const wrong = JSON.stringify({ source: withPassword().replace('rtsp:', 'ftp:') });
    const refused = await node.raw('PUT', path, as(admin), wrong);
    expect([refused.status, leaking(new Map([['answer', refused.text]]))]).toEqual([400, []]);
    const added = await node.raw('PUT', path, as(admin), body);
    expect([added.status, added.text]).toEqual([200, expect.stringContaining('"added":["door"]')]);
    await node.vigia.until('the camera is live', () => liveIn(node.vigia));
    // Its address stays when it is not mentioned.
    const patched = await node.raw('PATCH', path, as(admin), '{"name":"Front door"}');
    expect([patched.status, patched.text]).toEqual([200, expect.stringContaining('"cameras.door.name: added"')]);
    expect((await config()).beside_file).toEqual(['cameras.door: added']);
    const all = await surfaces(node.vigia);
    expect([...all.keys()]).toContain('GET /api/v1/config');
    expect(all.get('GET /api/v1/config')).toContain('rtsp://***@127.0.0.1');
    expect(leaking(all)).toEqual([]);
  });

  test('after a restart it is still there, as the next revision; only its owner may read where it is kept', async () => {
    const before = await config();
    node.vigia.process.kill('SIGKILL');
    await node.vigia.ended();
    later = new Vigia(['run', '-c', join(node.box.dir, 'vigia.yml'), '--json'], node.box.env);
    await later.until('the camera is live', () => liveIn(later));
    expect(later.stderr).toContain('changed at runtime: cameras.door: added');
    expect(later.stderr).toContain('`vigia config save` writes what was changed at runtime into the file');
    expect(await config()).toEqual(before);
    const kept = join(node.box.dir, 'state', 'changes.json');
    expect([statSync(kept).mode & 0o777, readFileSync(kept, 'utf8')]).toEqual([
      0o600,
      expect.stringContaining(encodeURIComponent(SECRET)),
    ]);
    const { stdout } = node.command(['check', '--diff', '-c', join(node.box.dir, 'vigia.yml')]);
    expect(stdout).toMatch(
      /changes nothing\nchanged at runtime, and not in the file as the node last read it:\n {2}cameras\.door: added\n$/,
    );
    expect(leaking(await surfaces(later))).toEqual([]);
  });

  test('saved, it stands in the file, with its password in a file of its own; the node takes the file for its own', async () => {
    const yaml = join(node.box.dir, 'vigia.yml');
    const { status, stdout, stderr } = node.command(['config', 'save', '-c', yaml]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      `  cameras.door: added\n${yaml}: written\nnode ${node.box.node}: cameras: 3 untouched; models: 0 untouched\n`,
    );
    const secret = join(node.box.dir, 'state', 'secrets', 'cameras.door.source');
    expect(readFileSync(yaml, 'utf8')).toMatch(
      /\n {2}door:\n {4}source: rtsp:\/\/viewer:\$\{file:\S+\/secrets\/cameras\.door\.source\}@\S+\n {4}name: Front door\n$/,
    );
    expect([statSync(secret).mode & 0o777, readFileSync(secret, 'utf8')]).toEqual([0o600, `${SECRET}\n`]);
    expect((await config()).beside_file).toEqual([]);
    expect(node.command(['config', 'save', '-c', yaml]).stdout).toBe(
      `${yaml}: nothing was changed at runtime beside it\n`,
    );
    expect(leaking(await surfaces(later))).toEqual([]);
  });

  test('a damaged file of changes does not keep the node from starting; it is said, and not thrown away', async () => {
    later.process.kill('SIGTERM');
    expect(await later.ended()).toBe(0);
    const kept = join(node.box.dir, 'state', 'changes.json');
    writeFileSync(kept, '{"version":1,');
    later = new Vigia(['run', '-c', join(node.box.dir, 'vigia.yml'), '--json'], node.box.env);
    await later.until('the camera is live', () => liveIn(later));
    const sentence = `what was changed at runtime is not in force: ${kept} cannot be read (it has another form than vigia writes)`;
    expect(later.stderr).toContain(sentence);
    const health = node.command(['health', '-c', join(node.box.dir, 'vigia.yml')]);
    expect([health.status, health.stderr]).toEqual([1, expect.stringContaining(sentence)]);
    const done = await node.raw('PATCH', '/api/v1/cameras/yard', as(admin), '{"name":"Yard"}');
    expect(done.status).toBe(200);
    expect(readFileSync(`${kept}.unused`, 'utf8')).toBe('{"version":1,');
    expect(node.command(['health', '-c', join(node.box.dir, 'vigia.yml')]).status).toBe(0);
  });

  test('what cannot be run any more does not keep the node from looking at the cameras of its file', async () => {
    later.process.kill('SIGTERM');
    expect(await later.ended()).toBe(0);
    const kept = join(node.box.dir, 'state', 'changes.json');
    const document = JSON.parse(readFileSync(kept, 'utf8')) as { revisions: { entries: unknown[] }[] };
    const ghost = { at: ['models', 'ghost'], file: null, changes: [{ path: [], value: { use: 'ghost' } }] };
    document.revisions.at(-1)?.entries.push(ghost);
    writeFileSync(kept, JSON.stringify(document));
    later = new Vigia(['run', '-c', join(node.box.dir, 'vigia.yml'), '--json'], node.box.env);
    await later.until('the camera is live', () => liveIn(later));
    expect(later.stderr).toMatch(
      /what was changed at runtime is not in force: models\.ghost\.use: there is no model "ghost"/,
    );
    expect((await config()).beside_file).toEqual([]);
  });
});

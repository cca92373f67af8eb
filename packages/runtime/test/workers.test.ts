import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerReport, ResultMessage } from '@vigia/contracts';
import { afterEach, expect, test } from 'vitest';
import { ask, reportNow } from './support/fleet.ts';
import { startListenedBroker, startProgram } from './support/programs.ts';
import { childrenOf, CLIP, isAlive, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const PERL = `[perl, ${join(ROOT, 'examples/workers/bright.pl')}]`;
/** Packages are looked for from where a module is: these ones are in /tmp. */
const WORKER_SDK = new URL('../../worker-sdk/dist/index.js', import.meta.url).href;
const SECRET = 'geheim-4711-token';

/** A worker in Python; `body` runs for each frame. */
const python = (body: string, head = '', ready = ''): string =>
  [
    'import os, signal, sys, time',
    'import vigia',
    head,
    `for frame in vigia.frames(${ready}):`,
    ...body.split('\n').map((l) => `    ${l}`),
    '',
  ].join('\n');

/** A node whose one camera has these consumers and workers; `scripts` are files beside the configuration. */
function startNode(
  consumers: Readonly<Record<string, string>>,
  workers: Readonly<Record<string, string>>,
  scripts: Readonly<Record<string, string>>,
  more: {
    readonly top?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly box?: Sandbox;
    readonly edit?: (config: string) => string;
  } = {},
): { readonly box: Sandbox; readonly vigia: Vigia; readonly reportFile: string; readonly config: string } {
  const box = more.box ?? new Sandbox();
  for (const [name, text] of Object.entries(scripts)) box.file(name, text);
  const text = configOf(box, consumers, workers, more.top);
  const config = box.file('vigia.yml', more.edit?.(text) ?? text);
  const reportFile = join(box.dir, 'r.json');
  const env = { ...box.env, PYTHONPATH: join(ROOT, 'sdk/python'), PYTHONDONTWRITEBYTECODE: '1', ...more.env };
  const vigia = new Vigia(['run', '-c', config, '--report', reportFile, '--json'], env);
  closers.push(
    () => box.remove(),
    () => vigia.process.kill('SIGKILL'),
  );
  return { box, vigia, reportFile, config };
}

function configOf(
  box: Sandbox,
  consumers: Readonly<Record<string, string>>,
  workers: Readonly<Record<string, string>>,
  top = '',
): string {
  const block = (entries: Readonly<Record<string, string>>, indent: string): string =>
    Object.entries(entries)
      .map(([id, text]) => `${indent}${id}: ${text.replaceAll('DIR', box.dir)}\n`)
      .join('');
  return `version: 1\nnode: ${box.node}\ncameras:\n  hall:\n    source: file:${CLIP}?loop\n    consumers:\n${block(consumers, '      ')}workers:\n${block(workers, '  ')}${top}`;
}

function resultsOf(vigia: Vigia, consumer: string): ResultMessage[] {
  return vigia.results.filter((r) => r.consumer === consumer);
}

function okOf(vigia: Vigia, consumer: string): ResultMessage[] {
  return resultsOf(vigia, consumer).filter((r) => r.status === 'ok');
}

async function stop(vigia: Vigia, box: Sandbox, reportFile: string): Promise<Readonly<Record<string, ConsumerReport>>> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReport(reportFile).cameras['hall']?.consumers ?? {};
}

const SHOWS_PIXELS = python(
  "frame.result(data={'format': frame.format, 'size': [frame.width, frame.height], 'begin': bytes(frame.pixels[:2]).hex(), 'bytes': len(frame.pixels)})",
);
const SHOWS_ENVIRONMENT = python(
  "frame.result(data={name: name in os.environ for name in ('CAMERA_PASSWORD', 'VIGIA_REMOTE_TOKEN', 'SOME_TOKEN')} | {'mine': os.environ['MINE'] == os.environ['MINE_AGAIN'] != ''})",
);
const DOOMED = `import sys\nprint('cannot log in with ${SECRET}', file=sys.stderr)\nsys.exit('nor with http://user:${SECRET}@host/')\n`;

test('every kind of pixels, secrets that stay secret, and a critical failure that nobody can miss', async () => {
  const { broker, subscriber } = await startListenedBroker();
  closers.push(
    () => broker.stop(),
    () => subscriber.stop(),
  );
  const consumers = {
    plain: '{ worker: plain, fps: 5, sla: critical }',
    jpeg: '{ worker: jpeg, fps: 5 }',
    small: '{ worker: small, fps: 5 }',
    env: '{ worker: env, fps: 5 }',
    module: '{ worker: module, fps: 2 }',
    box: '{ worker: box, fps: 5 }',
    doomed: '{ worker: doomed, fps: 5, sla: critical }',
  };
  const workers = {
    plain: `{ command: ${PERL}, input: { format: NV12, width: 320, height: 240 } }`,
    jpeg: '{ command: [/usr/bin/python3, DIR/pixels.py], input: { format: JPEG, width: 320, height: 240 } }',
    small: '{ command: [/usr/bin/python3, small.py], dir: DIR, input: { width: 320, height: 240 } }',
    env: '{ command: [/usr/bin/python3, DIR/env.py], input: { format: GRAY8 }, env: { MINE: "${OWN}", MINE_AGAIN: "${OWN}" } }',
    module: '{ module: DIR/module.mjs, env: { MINE: "${OWN}", MINE_AGAIN: "${OWN}" } }',
    box: '{ command: [/usr/bin/python3, DIR/box.py], input: { width: 320, height: 240 } }',
    doomed: '{ command: [/usr/bin/python3, DIR/doomed.py], restart: { delays_ms: [50, 50], probe_ms: null } }',
  };
  const scripts = {
    'pixels.py': SHOWS_PIXELS,
    'small.py': SHOWS_PIXELS.replace('vigia.frames()', "vigia.frames(format='GRAY8', width=64, height=48)"),
    'env.py': SHOWS_ENVIRONMENT,
    'box.py': python("frame.result([vigia.Detection(0, 'bed', 1.0, (0.25, 0.25, 0.5, 0.5))])"),
    'module.mjs': `import { frames } from '${WORKER_SDK}';
const { MINE, MINE_AGAIN } = process.env;
const hidden = ['CAMERA_PASSWORD', 'VIGIA_REMOTE_TOKEN', 'SOME_TOKEN'].map((name) => [name, name in process.env]);
const data = { ...Object.fromEntries(hidden), mine: Boolean(MINE) && MINE === MINE_AGAIN };
for await (const frame of frames()) frame.result({ data });
`,
    'doomed.py': DOOMED,
  };
  // A camera that nobody reaches, for its secret.
  const other = '  other:\n    source: rtsp://u:${CAMERA_PASSWORD}@127.0.0.1:9/\n';
  const mqtt = `mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }\n`;
  // The right half: 384×576, which is 160×240 in the middle of 320×240.
  const roi = 'roi: { x: 0.5, y: 0, width: 0.5, height: 1 }';
  const withOther = (text: string): string =>
    text.replace('workers:', `${other}workers:`).replace('    consumers:', `    ${roi}\n    consumers:`);
  const { box, vigia, reportFile, config } = startNode(consumers, workers, scripts, {
    top: `${mqtt}cpu: { normal: { nice: 11, cpus: [0] } }\n`,
    env: { CAMERA_PASSWORD: SECRET, OWN: SECRET, VIGIA_REMOTE_TOKEN: SECRET, SOME_TOKEN: SECRET },
    edit: withOther,
  });
  for (const id of ['plain', 'jpeg', 'small', 'env', 'module', 'box'])
    await vigia.until(`results of ${id}`, () => okOf(vigia, id).length >= 2);
  expect(okOf(vigia, 'jpeg')[0]?.data).toMatchObject({ format: 'JPEG', size: [320, 240], begin: 'ffd8' });
  expect(okOf(vigia, 'small')[0]?.data).toMatchObject({ format: 'GRAY8', size: [64, 48], bytes: 64 * 48 });
  expect(okOf(vigia, 'plain')[0]).toMatchObject({
    model: null,
    worker: 'plain',
    data: { brightness: expect.any(Number) },
  });
  // Back through letterbox and region, to the whole picture.
  expect(okOf(vigia, 'box')[0]?.detections?.[0]?.bbox).toEqual([0.5, 0.25, 0.75, 0.5]);
  const workerPid = (file: string): number => {
    const found = childrenOf(vigia.child('camera-process')).find((c) => c.command.includes(file));
    return found?.pid ?? 0;
  };
  // By class: nice in field 19 of proc(5), and the CPUs.
  expect(
    readFileSync(`/proc/${workerPid('bright.pl')}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ')[16],
  ).toBe('0');
  expect(
    readFileSync(`/proc/${workerPid('small.py')}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ')[16],
  ).toBe('11');
  expect(readFileSync(`/proc/${workerPid('small.py')}/status`, 'utf8')).toMatch(/^Cpus_allowed_list:\t0$/m);
  // And who goes first when memory runs out.
  const oomScore = (pid: number): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
  const own = oomScore(vigia.child('camera-process'));
  expect(oomScore(workerPid('bright.pl'))).toBe(Math.min(1_000, own + 100));
  expect(oomScore(workerPid('small.py'))).toBe(Math.min(1_000, own + 300));
  // What wants less has it in the memory that was planned: no segment of its own.
  const segments = readdirSync('/dev/shm').filter((name) => name.startsWith(`vigia_${box.node}_`));
  expect(segments.map((name) => name.split('hall_')[1]).sort()).toEqual([
    '320x240-letterbox',
    '320x240-letterbox-nv12',
    '640x360-letterbox',
    '640x360-letterbox-gray8',
  ]);

  await vigia.until('the doomed one has failed', () =>
    vigia.lines.some((l) => l.type === 'worker_state' && l.consumer === 'doomed' && l.state === 'failed'),
  );
  const failed = vigia.lines.find((l) => l.type === 'event' && l.event === 'worker_failed');
  expect(failed).toMatchObject({ camera: 'hall', consumer: 'doomed', alarm: true, reason: 'exited' });
  await vigia.until('its frames are told so', () =>
    resultsOf(vigia, 'doomed').some((r) => r.error?.code === 'worker_failed'),
  );
  const askHealth = (): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [MAIN, 'health', '--node', box.node], { env: box.env, encoding: 'utf8' });
  const health = askHealth();
  expect(health.status).toBe(1);
  expect(health.stderr).toContain('hall/doomed: critical worker doomed has failed: it exited with code 1');
  // Retained: who comes later sees it too.
  const late = startProgram('/usr/bin/mosquitto_sub', [
    '-p',
    String(broker.port),
    '-t',
    'vigia/+/hall/doomed/state',
    '-C',
    '1',
  ]);
  closers.push(() => late.stop());
  await late.line(/failed/);
  expect(JSON.parse(late.output())).toMatchObject({ state: 'failed', alarm: true, worker: 'doomed' });

  // Mended, it is started again at once, and the alarm is over.
  const restart = (what: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [MAIN, 'restart', what, '--node', box.node], { env: box.env, encoding: 'utf8' });
  expect(restart('hall/doomed')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/hall\/doomed: worker doomed did not become ready: it exited with code 1 \(.*\*\*\*/),
  });
  await vigia.until(
    'it has failed again, after all of its restarts',
    () => statesOf(vigia, 'doomed', 'failed').length === 2,
  );
  writeFileSync(join(box.dir, 'doomed.py'), python('frame.result()'));
  expect(restart('hall/doomed')).toMatchObject({ status: 0, stdout: 'hall/doomed: ready\n' });
  expect(askHealth()).toMatchObject({ status: 0, stderr: '' });
  const wrong = 'consumer "nobody" of camera hall is not there; consumers with workers: plain, jpeg, small';
  expect(restart('hall/nobody')).toMatchObject({ status: 1, stderr: expect.stringContaining(wrong) });
  expect(restart('Hall/plain')).toMatchObject({ status: 2 });
  // One that runs: asked first, and nobody else notices.
  const [plainBefore, smallBefore] = [workerPid('bright.pl'), workerPid('small.py')];
  expect(restart('hall/plain')).toMatchObject({ status: 0 });
  expect(workerPid('bright.pl')).not.toBe(plainBefore);
  expect(workerPid('small.py')).toBe(smallBefore);

  // Without the doomed one nobody must look, and its retained state is taken back.
  const { doomed: _, ...left } = consumers;
  writeFileSync(config, withOther(configOf(box, left, workers, mqtt)));
  vigia.process.kill('SIGHUP');
  await subscriber.line(/hall\/doomed\/state (\(null\))?$/m);
  await vigia.until('the end of the reload', () => vigia.stderr.includes('configuration read again'));
  expect(askHealth()).toMatchObject({ status: 0, stderr: '' });

  const report = await stop(vigia, box, reportFile);
  expect(Object.keys(report).sort()).toEqual(['box', 'env', 'jpeg', 'module', 'plain', 'small']);
  // A thread has the gate of its configuration too: 2 of 10.
  const { delivered = 0, published = 0 } = report['module'] ?? {};
  expect(delivered).toBeLessThan(published / 4 + 3);
  for (const id of ['env', 'module'])
    expect(okOf(vigia, id).at(-1)?.data).toEqual({
      CAMERA_PASSWORD: false,
      VIGIA_REMOTE_TOKEN: false,
      SOME_TOKEN: false,
      mine: true,
    });
  const said = [vigia.stdout, vigia.stderr, subscriber.output(), health.stderr].join('\n');
  expect(said).toContain('cannot log in with ***');
  expect(said).not.toContain(SECRET);
});

test('late answers, and threads that throw or hang: each is one result, and is started again', async () => {
  const module = (body: string): string =>
    `import { frames } from '${WORKER_SDK}';\nlet n = 0;\nfor await (const frame of frames()) {\n  n += 1;\n  ${body}\n  frame.result({ data: { n } });\n}\n`;
  const { box, vigia, reportFile } = startNode(
    {
      late: '{ worker: late, deadline_ms: 200 }',
      throws: '{ worker: throws, fps: 10, sla: critical }',
      leaves: '{ worker: leaves, fps: 10 }',
      loops: '{ worker: loops, fps: 10, sla: critical, deadline_ms: 300 }',
      shuts: '{ worker: shuts, fps: 10 }',
    },
    {
      late: '{ command: [/usr/bin/python3, DIR/late.py], input: { format: GRAY8, width: 64, height: 48 } }',
      throws:
        '{ module: DIR/throws.mjs, input: { format: GRAY8, width: 64, height: 48 }, restart: { delays_ms: [50, 50, 50] } }',
      shuts:
        '{ command: [/usr/bin/python3, DIR/shuts.py], input: { format: GRAY8, width: 64, height: 48 }, hang_timeout_ms: 60000 }',
      leaves: '{ module: DIR/leaves.mjs, input: { format: GRAY8, width: 64, height: 48 } }',
      loops:
        '{ module: DIR/loops.mjs, input: { format: GRAY8, width: 64, height: 48 }, hang_timeout_ms: 1000, restart: { delays_ms: [50, 50, 50] } }',
    },
    {
      'late.py': python('time.sleep(0.5)\nframe.result()'),
      // Alive, and not even hung: it goes on giving signs.
      'shuts.py': `import os, time
stdin = os.readlink('/proc/self/fd/0')
import vigia
for n, frame in enumerate(vigia.frames()):
    frame.result()
    if n == 4:
        for fd in os.listdir('/proc/self/fd'):
            if os.path.exists(f'/proc/self/fd/{fd}') and os.readlink(f'/proc/self/fd/{fd}') == stdin:
                os.close(int(fd))
        while True:
            time.sleep(0.1)
            vigia.heartbeat()
`,
      'throws.mjs': module("if (n === 4) throw new Error('no such bed');"),
      'leaves.mjs': `${module('if (n === 4) break;')}setInterval(() => undefined, 1000);\n`,
      'loops.mjs': module('if (n === 4) for (;;);'),
    },
  );
  await vigia.until('the one that throws is started again', () => restartedWith(vigia, 'throws', 'exited'));
  await vigia.until('the one that hangs is started again', () => restartedWith(vigia, 'loops', 'hung'));
  await vigia.until('the one that reads no more is started again', () => restartedWith(vigia, 'leaves', 'left_loop'));
  await vigia.until('the one that closed its input is started again', () => restartedWith(vigia, 'shuts', 'left_loop'));
  await vigia.until('both work again', () => ['throws', 'loops'].every((id) => okOf(vigia, id).length > 3));
  await vigia.until(
    'late answers',
    () => resultsOf(vigia, 'late').filter((r) => r.error?.code === 'deadline_exceeded').length > 2,
  );
  const report = await stop(vigia, box, reportFile);
  expect(report['late']?.discarded_answers).toBeGreaterThan(1);
  expect(report['late']?.results.ok).toBe(0);
  expect(report['throws']?.process?.last_exit?.reason).toContain('no such bed');
  expect(resultsOf(vigia, 'loops').some((r) => r.error?.code === 'deadline_exceeded')).toBe(true);
  for (const { sla, process } of Object.values(report))
    expect(process?.restarts_allowed).toBe(sla === 'critical' ? 3 : 1);
});

function statesOf(vigia: Vigia, consumer: string, state: string): readonly unknown[] {
  return vigia.lines.filter((l) => l.type === 'worker_state' && l.consumer === consumer && l.state === state);
}

function restartedWith(vigia: Vigia, consumer: string, reason: string): boolean {
  return vigia.lines.some(
    (l) => l.type === 'worker_state' && l.consumer === consumer && l.state === 'restarting' && l.reason === reason,
  );
}

const STUBBORN = python(
  "frame.result(data={'pid': os.getpid(), 'child': child})",
  `signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    time.sleep(600)
`,
).concat('time.sleep(600)\n');

test('consumers are switched off and on again in the running process, and the others notice nothing', async () => {
  const consumers = {
    steady: '{ worker: light, fps: 10, sla: critical }',
    people: '{ model: ssdlite, fps: 5 }',
    light: '{ worker: light, fps: 5 }',
    thread: '{ worker: thread, fps: 5 }',
    later: '{ worker: light, fps: 5, enabled: false }',
  };
  // It needs a while to end.
  const slow = `[sh, -c, "perl ${join(ROOT, 'examples/workers/bright.pl')}; sleep 0.3"]`;
  const workers = {
    light: `{ command: ${slow}, input: { format: NV12, width: 320, height: 240 } }`,
    thread: '{ module: DIR/thread.mjs }',
  };
  const thread = `import { frames } from '${WORKER_SDK}';
for await (const frame of frames()) frame.result({});
`;
  const { box, vigia, reportFile } = startNode(
    consumers,
    workers,
    { 'thread.mjs': thread },
    { top: 'models:\n  ssdlite: { use: ssdlite-mobilenet-v2 }\n' },
  );
  const sees = (id: string, from = 0): Promise<unknown> =>
    vigia.until(`results of ${id}`, () => okOf(vigia, id).length >= from + 3);
  for (const id of ['steady', 'people', 'light', 'thread']) await sees(id);
  const camera = vigia.child('camera-process');
  const light = (): number[] =>
    childrenOf(camera).flatMap(({ pid, command }) => (command.includes('bright.pl') ? [pid] : []));
  expect(light()).toHaveLength(2);
  const turn = async (id: string, enabled: boolean): Promise<void> => {
    const answer = await ask(box, 'PATCH', `/api/v1/cameras/hall/consumers/${id}`, { enabled });
    expect(answer).toMatchObject({ status: 200, body: { cameras: { changed: ['hall'] } } });
  };
  const now = async (): Promise<Readonly<Record<string, ConsumerReport>>> =>
    (await reportNow(box)).cameras['hall']?.consumers ?? {};

  for (const id of ['people', 'light', 'thread']) await turn(id, false);
  // Its program has ended by the time of the answer.
  expect(light()).toHaveLength(1);
  const still = Object.fromEntries(['people', 'light', 'thread'].map((id) => [id, resultsOf(vigia, id).length]));
  expect(Object.keys(await now())).toEqual(['steady']);
  await sees('steady', okOf(vigia, 'steady').length);
  for (const [id, count] of Object.entries(still)) expect([id, resultsOf(vigia, id).length]).toEqual([id, count]);

  const before = okOf(vigia, 'people').length;
  for (const id of ['people', 'light', 'thread', 'later']) await turn(id, true);
  for (const [id, count] of Object.entries({ ...still, people: before, later: 0 })) await sees(id, count);
  // Faster than the model answers: the turn that the last one asked for is not the next one's.
  for (let i = 0; i < 5; i += 1) for (const enabled of [false, true]) await turn('people', enabled);
  await sees('people', okOf(vigia, 'people').length);

  const { people, steady, later } = await now();
  expect(people?.published).toBeLessThan(steady?.published ?? 0);
  expect([people?.state, later?.state]).toEqual(['running', 'running']);
  const all = resultsOf(vigia, 'steady').map(({ status, seq }) => ({ status, seq }));
  // Its program may take longer to start than the camera.
  const seqs = all.slice(all.findIndex(({ status }) => status === 'ok'));
  expect(new Set(seqs.map(({ status }) => status))).toEqual(new Set(['ok']));
  expect(steady?.sla_window.breaches).toBe(0);
  expect([vigia.child('camera-process'), (await reportNow(box)).cameras['hall']?.restarts]).toEqual([camera, 0]);
  expect(vigia.results.filter(({ error }) => error?.code === 'bad_request')).toEqual([]);
  await stop(vigia, box, reportFile);
});

test('who kills a camera’s process, or the whole node, leaves no worker behind', async () => {
  const consumers = { stubborn: '{ worker: stubborn, fps: 5 }' };
  const workers = {
    stubborn: '{ command: [/usr/bin/python3, DIR/stubborn.py], input: { format: GRAY8, width: 64, height: 48 } }',
  };
  const node = startNode(consumers, workers, { 'stubborn.py': STUBBORN });
  const { vigia, box } = node;
  const pidsOf = (of: Vigia, from = 0): number[] | undefined => {
    const data = okOf(of, 'stubborn').slice(from)[0]?.data as { pid: number; child: number } | undefined;
    return data && [data.pid, data.child];
  };
  const first = await vigia.until('the first worker', () => pidsOf(vigia));
  closers.push(() => killAll(first));
  process.kill(vigia.child('camera-process'), 'SIGKILL');
  const seen = okOf(vigia, 'stubborn').length;
  const second = await vigia.until('a worker of the next process', () => pidsOf(vigia, seen));
  closers.push(() => killAll(second));
  expect(first.filter(isAlive)).toEqual([]);

  // Nobody survives who could clean up: the next start does.
  const family = [vigia.pid, ...childrenOf(vigia.pid).map((c) => c.pid)];
  for (const pid of family) process.kill(pid, 'SIGSTOP');
  for (const pid of family) process.kill(pid, 'SIGKILL');
  await vigia.ended();
  expect(second.every(isAlive)).toBe(true);
  expect(readdirSync(join(box.runDir, 'workers'))).toHaveLength(1);
  const next = startNode(consumers, workers, {}, { box });
  const third = await next.vigia.until('the worker of the next node', () => pidsOf(next.vigia));
  closers.push(() => killAll(third));
  expect(second.filter(isAlive)).toEqual([]);
  await stop(next.vigia, box, next.reportFile);
  expect(third.filter(isAlive)).toEqual([]);
  expect(existsSync(join(box.runDir, 'workers'))).toBe(false);
});

function killAll(pids: readonly number[]): void {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

test('a thread that hangs in native code ends with its camera’s process, and is told so', async () => {
  // Opening a pipe that nobody writes waits in the kernel, where no JavaScript engine reaches it.
  const hangs = `import { openSync } from 'node:fs';\nimport { frames } from '${WORKER_SDK}';\nfor await (const frame of frames()) openSync(new URL('pipe', import.meta.url));\n`;
  const { box, vigia, reportFile } = startNode(
    { native: '{ worker: native, fps: 5, deadline_ms: 300 }' },
    { native: '{ module: DIR/native.mjs, input: { format: GRAY8, width: 64, height: 48 }, hang_timeout_ms: 500 }' },
    { 'native.mjs': hangs },
  );
  spawnSync('/usr/bin/mkfifo', [join(box.dir, 'pipe')]);
  const waiting = await vigia.until('the end of its process', () =>
    vigia.lines.find((l) => l.type === 'camera_state' && l.state === 'waiting'),
  );
  expect(waiting).toMatchObject({
    reason: 'process_failed',
    message: 'worker native hangs in native code, where no thread can be ended',
  });
  const from = vigia.lines.length;
  await vigia.until('the next process', () =>
    vigia.lines.slice(from).some((l) => l.type === 'camera_state' && l.state === 'live'),
  );
  await stop(vigia, box, reportFile);
});

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SimulatedCamera } from '@vigia/testkit';
import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ask,
  type CameraText,
  holdingsOf,
  pidsByCamera,
  reportNow,
  startFleet,
  untilSeen,
  writeConfig,
} from './support/fleet.ts';
import { startMosquitto } from './support/programs.ts';
import { isAlive, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Node {
  readonly box: Sandbox;
  readonly fleet: readonly SimulatedCamera[];
  readonly vigia: Vigia;
  readonly reportFile: string;
  /** `c0`, `c1`, …: one per simulated camera. */
  readonly all: Readonly<Record<string, CameraText>>;
}

/** A node with the first `running` of `count` simulated cameras, each of which has been seen. */
async function running(count: number, runningCount = count): Promise<Node> {
  const fleet = await startFleet(count, 5);
  const box = new Sandbox();
  closers.push(
    () => Promise.all(fleet.map((camera) => camera.close())),
    () => box.remove(),
  );
  const all = Object.fromEntries(fleet.map((camera, i) => [`c${i}`, { source: camera.url }]));
  const started = Object.fromEntries(Object.entries(all).slice(0, runningCount));
  const reportFile = join(box.dir, 'r.json');
  const vigia = new Vigia(['run', '-c', writeConfig(box, started), '--report', reportFile, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await untilSeen(vigia, Object.keys(started));
  return { box, fleet, vigia, reportFile, all };
}

/** SIGHUP, and the line of the log that says what came of it. */
async function hangUp(vigia: Vigia): Promise<string> {
  const from = vigia.stderr.length;
  vigia.process.kill('SIGHUP');
  return vigia.until(
    'the reload',
    () => /(?:configuration read again: |reload: nothing was changed).*(?=\n)/.exec(vigia.stderr.slice(from))?.[0],
  );
}

/** Runs a command of vigia to its end. */
async function command(
  box: Sandbox,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const vigia = new Vigia(args, box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  const code = await vigia.ended();
  return { code, stdout: vigia.stdout, stderr: vigia.stderr };
}

async function stop({ vigia, box, reportFile }: Node): Promise<ReturnType<typeof readReport>> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReport(reportFile);
}

describe('SIGHUP', () => {
  test('adds, changes and removes a camera; the others go on untouched', async () => {
    const node = await running(5, 4);
    const { box, fleet, vigia, all } = node;
    const pids = pidsByCamera(box);
    const before = await reportNow(box);
    const { c0, c1, c2, c4 } = all as Record<string, CameraText>;
    writeConfig(box, {
      c0,
      c1,
      c2: { ...c2, extra: 'roi: { x: 0.5, y: 0, width: 0.5, height: 1 }' },
      c4,
    } as Record<string, CameraText>);
    const from = vigia.lines.length;
    const askedMs = performance.now();
    expect(await hangUp(vigia)).toContain(
      'cameras: added c4, changed c2, removed c3, 2 untouched; models: 1 untouched',
    );
    const doneMs = performance.now() - askedMs;
    await vigia.until('a picture of the changed one', () =>
      vigia.lines.slice(from).some((l) => l.type === 'result' && l.camera === 'c2' && l.seq === 1),
    );
    const seenMs = performance.now() - askedMs;
    await untilSeen(vigia, ['c0', 'c1', 'c2', 'c4'], from);
    process.stdout.write(
      `reload: done after ${doneMs.toFixed(0)} ms, the changed camera seen again after ${seenMs.toFixed(0)} ms\n`,
    );

    const now = pidsByCamera(box);
    expect([...now.keys()].sort()).toEqual(['c0', 'c1', 'c2', 'c4']);
    expect([now.get('c0'), now.get('c1')]).toEqual([pids.get('c0'), pids.get('c1')]);
    expect(now.get('c2')).not.toBe(pids.get('c2'));
    expect(isAlive(pids.get('c3') as number)).toBe(false);
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 1, 2, 1, 1]);
    expect(fleet[3]?.stats().playing).toBe(0);
    // The half of the picture that it looks at is the right one: boxes are of the whole picture.
    const seen = vigia.lines.slice(from).flatMap((l) => (l.type === 'result' && l.camera === 'c2' ? [l] : []));
    const ofNewProcess = seen.slice(seen.findIndex((r) => r.seq === 1));
    expect(ofNewProcess.flatMap((r) => r.detections ?? []).every(({ bbox: [left] }) => left >= 0.499)).toBe(true);

    const report = await stop(node);
    expect(Object.keys(report.cameras).sort()).toEqual(['c0', 'c1', 'c2', 'c4']);
    for (const id of ['c0', 'c1']) {
      expect(report.cameras[id]).toMatchObject({ state: 'live', reconnects: 0, restarts: 0 });
      expect(report.cameras[id]?.captured).toBeGreaterThan(before.cameras[id]?.captured ?? 0);
    }
    // What a camera has counted goes on over a change of its settings, and its deliberate start is no restart.
    expect(report.cameras['c2']?.restarts).toBe(0);
    expect(report.cameras['c2']?.captured).toBeGreaterThan(before.cameras['c2']?.captured ?? 0);
    expect(report.cameras['c2']?.consumers['people']?.published).toBeGreaterThan(
      before.cameras['c2']?.consumers['people']?.published ?? 0,
    );
  });

  test('a file that says the same changes nothing', async () => {
    const { box, vigia } = await running(2);
    const pids = pidsByCamera(box);
    expect(await hangUp(vigia)).toContain('cameras: 2 untouched; models: 1 untouched');
    expect(pidsByCamera(box)).toEqual(pids);
  });

  test('a bad file, one that does not fit and another node name: sentences, and nothing is changed', async () => {
    const node = await running(2);
    const { box, fleet, vigia, all } = node;
    const pids = pidsByCamera(box);
    const { c0 } = all as { c0: CameraText };

    box.file('vigia.yml', `version: 1\nnode: ${box.node}\ncameras:\n  c0:\n    sorce: x\n`);
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(vigia.stderr).toMatch(/reload: .*vigia\.yml:5: cameras\.c0\.sorce: unknown key, did you mean "source"\?/);
    expect(await command(box, 'reload', '--node', box.node)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^vigia: .*vigia\.yml:5: cameras\.c0\.sorce: unknown key/),
    });

    writeConfig(box, Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`c${i}`, c0])));
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(await command(box, 'reload', '--node', box.node)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vigia: memory: 900 cameras and 1 model need up to .* are available/),
    });

    box.file('vigia.yml', `version: 1\nnode: other\ncameras:\n  c0:\n    source: ${c0.source}\n`);
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(vigia.stderr).toContain(`node: found "other", the running node is called "${box.node}"`);

    expect(pidsByCamera(box)).toEqual(pids);
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 1]);
    await untilSeen(vigia, ['c0', 'c1'], vigia.lines.length);
    await stop(node);
  });

  test('a consumer added and one taken away: the camera’s counters go on, those of the one that stays too', async () => {
    const node = await running(1);
    const { box, vigia, all } = node;
    const { c0 } = all as { c0: CameraText };
    const first = (await reportNow(box)).cameras['c0'];
    writeConfig(box, { c0: { ...c0, consumers: 'people: { model: ssdlite }, slow: { model: ssdlite, fps: 1 }' } });
    await hangUp(vigia);
    await vigia.until('a result of the new one', () => vigia.results.some((r) => r.consumer === 'slow'));
    const both = (await reportNow(box)).cameras['c0'];
    expect(both?.consumers['people']?.published).toBeGreaterThan(first?.consumers['people']?.published ?? 0);
    expect(both?.consumers['slow']?.published).toBeLessThan(both?.consumers['people']?.published ?? 0);
    writeConfig(box, { c0: { ...c0, consumers: 'slow: { model: ssdlite, fps: 1 }' } });
    await hangUp(vigia);
    const from = vigia.lines.length;
    await untilSeen(vigia, ['c0'], from);
    const report = (await stop(node)).cameras['c0'];
    expect(Object.keys(report?.consumers ?? {})).toEqual(['slow']);
    expect(report?.captured).toBeGreaterThan(both?.captured ?? 0);
  });

  test('a model with other settings: a new container takes over, and the old one goes', async () => {
    const node = await running(2);
    const { box, vigia, all } = node;
    const container = vigia.child('model-container');
    writeConfig(box, all, '', 'ssdlite: { use: ssdlite-mobilenet-v2, threads: 2 }');
    const from = vigia.lines.length;
    expect(await hangUp(vigia)).toContain('cameras: changed c0 c1, 0 untouched; models: changed ssdlite, 0 untouched');
    expect(isAlive(container)).toBe(false);
    await untilSeen(vigia, ['c0', 'c1'], from);
    expect(vigia.child('model-container')).not.toBe(container);
    // The new one’s end is not told by the old one’s.
    expect(vigia.lines.some((l) => l.type === 'model_state' && l.state === 'stopped')).toBe(false);
    await stop(node);
  });

  test('taken out, then in again under the same name', async () => {
    const node = await running(2);
    const { box, fleet, vigia, all } = node;
    const { c0 } = all as { c0: CameraText };
    for (let round = 0; round < 2; round += 1) {
      writeConfig(box, { c0 });
      expect(await hangUp(vigia)).toContain('removed c1');
      expect([...pidsByCamera(box).keys()]).toEqual(['c0']);
      writeConfig(box, all);
      const from = vigia.lines.length;
      expect(await hangUp(vigia)).toContain('added c1');
      await untilSeen(vigia, ['c1'], from);
    }
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 3]);
    await stop(node);
  });

  test('20 in a row leave nothing behind', async () => {
    const node = await running(3);
    const { box, vigia, all } = node;
    const { c0, c1, c2 } = all as Record<string, CameraText>;
    const before = holdingsOf(vigia, box);
    for (let round = 0; round < 10; round += 1) {
      writeConfig(box, { c0, c1: { ...c1, extra: 'roi: { x: 0, y: 0, width: 0.5, height: 1 }' } } as Record<
        string,
        CameraText
      >);
      await hangUp(vigia);
      writeConfig(box, { c0, c1, c2 } as Record<string, CameraText>);
      await hangUp(vigia);
    }
    await untilSeen(vigia, ['c0', 'c1', 'c2'], vigia.lines.length);
    // Descriptors of pipes that end, and the health question’s socket, are closed a moment later.
    await vigia.until('what it held before, and no more', () => {
      const now = holdingsOf(vigia, box);
      return now.descriptors <= before.descriptors && now.zombies === 0;
    });
    expect({ ...holdingsOf(vigia, box), descriptors: 0 }).toEqual({ ...before, descriptors: 0 });
    const report = await stop(node);
    expect(report.cameras['c0']).toMatchObject({ reconnects: 0, restarts: 0 });
    expect(report.cameras['c1']?.restarts).toBe(0);
  });

  test('many at once are one more, and none is lost', async () => {
    const { box, vigia, all } = await running(2);
    const { c0 } = all as { c0: CameraText };
    writeConfig(box, { c0 });
    for (let i = 0; i < 5; i += 1) vigia.process.kill('SIGHUP');
    await vigia.until('the last one', () => vigia.stderr.includes('removed c1'));
    expect([...pidsByCamera(box).keys()]).toEqual(['c0']);
  });
});

describe('SIGTERM in the middle of a reload', () => {
  test.each([
    ['at once', () => true],
    ['when the changed camera’s old process has hung up', (node: Node) => node.fleet[1]?.stats().playing === 0],
    [
      'when the removed one is gone',
      ({ vigia }: Node) => vigia.lines.some((l) => 'state' in l && l.state === 'stopped'),
    ],
  ])('%s: everything is gone', async (_, when) => {
    const node = await running(3);
    const { box, vigia, all } = node;
    const { c0, c1 } = all as Record<string, CameraText>;
    const family = vigia.children().map((c) => c.pid);
    writeConfig(
      box,
      { c0, c1: { ...c1, extra: 'on_loss: conceal' } } as Record<string, CameraText>,
      '',
      'ssdlite: { use: ssdlite-mobilenet-v2, threads: 2 }',
    );
    vigia.process.kill('SIGHUP');
    await vigia.until('the moment', () => when(node));
    family.push(...vigia.children().map((c) => c.pid));
    await stop(node);
    expect(family.filter(isAlive)).toEqual([]);
  });
});

describe('a terminal', () => {
  /** Runs a node on a terminal of its own; prints its pid; closes the terminal when told to. */
  const ON_A_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
print("pid", pid, flush=True)
seen = b""
while b"CAMERA" not in seen:
    seen += os.read(terminal, 65536)
print("drawn", flush=True)
sys.stdin.readline()
os.close(terminal)
print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`;

  /** A node on a terminal of its own, drawn once, with a segment of its camera. */
  async function onTerminal(): Promise<{
    readonly box: Sandbox;
    readonly pid: number;
    readonly close: () => void;
    readonly line: () => Promise<string>;
  }> {
    const [camera] = await startFleet(1, 5);
    const box = new Sandbox();
    closers.push(
      () => camera?.close(),
      () => box.remove(),
    );
    const config = writeConfig(box, { c0: { source: camera?.url ?? '' } });
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const python = spawn('python3', ['-c', ON_A_TERMINAL, process.execPath, main, 'run', '-c', config], {
      env: box.env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    closers.push(() => python.kill('SIGKILL'));
    const lines: AsyncIterator<string> = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => String((await lines.next()).value);
    const pid = Number((await line()).split(' ')[1]);
    closers.push(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    expect(await line()).toBe('drawn');
    await camera?.whenPlaying();
    return { box, pid, line, close: () => void python.stdin.write('close\n') };
  }

  test('that is closed ends the node in order', async () => {
    const { box, close, line } = await onTerminal();
    close();
    expect(await line()).toBe('ended 0');
    expect(box.leftovers()).toEqual([]);
  });

  test('of a supervisor that is killed: its hang-up reaches the children, who leave nothing all the same', async () => {
    const { box, pid, close, line } = await onTerminal();
    expect(box.leftovers().length).toBeGreaterThan(1);
    process.kill(pid, 'SIGKILL');
    close();
    expect(await line()).toBe('ended -9');
    const watchdog = performance.now() + 10_000;
    while (box.leftovers().length > 0) {
      if (performance.now() > watchdog) throw new Error(`still there: ${box.leftovers().join(', ')}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});

describe('the broker', () => {
  /** Retained states, by topic; the empty ones are none. */
  async function listenTo(url: string): Promise<{ readonly retained: Map<string, string>; close(): void }> {
    const retained = new Map<string, string>();
    const client = await connectAsync(url);
    closers.push(() => client.endAsync(true));
    client.on('message', (topic, payload) => void retained.set(topic, payload.toString('utf8')));
    await client.subscribeAsync('vigia/+/+/state');
    return { retained, close: () => client.end(true) };
  }

  test('forgets a camera that is taken out, and may be another one', async () => {
    const [first, second] = await Promise.all([startMosquitto(), startMosquitto()]);
    closers.push(
      () => first.stop(),
      () => second.stop(),
    );
    const node = await running(2);
    const { box, vigia, all } = node;
    const state = (id: string): string => `vigia/${box.node}/${id}/state`;
    const live = (text: string | undefined): boolean => text?.includes('"state":"live"') ?? false;
    const [atFirst, atSecond] = [
      await listenTo(`mqtt://127.0.0.1:${first.port}`),
      await listenTo(`mqtt://127.0.0.1:${second.port}`),
    ];
    writeConfig(box, all, `mqtt: { url: "mqtt://127.0.0.1:${first.port}" }\n`);
    expect(await hangUp(vigia)).toContain('cameras: 2 untouched; models: 1 untouched; MQTT: changed');
    await vigia.until('both states', () => ['c0', 'c1'].every((id) => live(atFirst.retained.get(state(id)))));
    const { c0 } = all as { c0: CameraText };
    writeConfig(box, { c0 }, `mqtt: { url: "mqtt://127.0.0.1:${first.port}" }\n`);
    await hangUp(vigia);
    await vigia.until('the removed one’s state to be empty', () => atFirst.retained.get(state('c1')) === '');

    writeConfig(box, { c0 }, `mqtt: { url: "mqtt://127.0.0.1:${second.port}" }\n`);
    await hangUp(vigia);
    await vigia.until('the state at the other broker', () => live(atSecond.retained.get(state('c0'))));
    expect(atSecond.retained.has(state('c1'))).toBe(false);
    expect((await stop(node)).mqtt).toMatchObject({ connected: true });
  });
});

describe('vigia reload', () => {
  test('the demo says that it has nothing to reload, and goes on', async () => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    const demo = new Vigia(['demo', '--json', '--rtsp-port', '0', '--mqtt-port', '0'], box.env);
    closers.push(() => demo.process.kill('SIGKILL'));
    await demo.until('a result', () => demo.results.length > 0);
    demo.process.kill('SIGHUP');
    await demo.until('the sentence', () =>
      demo.stderr.includes('reload: the demo has no configuration file: there is nothing to reload'),
    );
    const before = demo.results.length;
    await demo.until('more results', () => demo.results.length > before);
    demo.process.kill('SIGTERM');
    expect(await demo.ended()).toBe(0);
  });

  test('prints what was done', async () => {
    const { box, all } = await running(2);
    const { c0 } = all as { c0: CameraText };
    writeConfig(box, { c0 });
    expect(await command(box, 'reload', '-c', join(box.dir, 'vigia.yml'))).toEqual({
      code: 0,
      stdout: 'cameras: removed c1, 1 untouched; models: 1 untouched\n',
      stderr: '',
    });
  });

  test('tells what it does; without a node: exit code 1', async () => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    expect(await command(box, 'reload', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^vigia reload \[--node NAME\] \[-c FILE\]\n/),
    });
    expect(await command(box, 'reload', '--node', 'none')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no node answers'),
    });
  });
});

test('the control socket restarts a camera and takes one out, and says who is not there', async () => {
  const node = await running(2);
  const { box, vigia } = node;
  const pids = pidsByCamera(box);
  const before = await reportNow(box);
  const from = vigia.lines.length;
  expect((await ask(box, 'POST', '/api/v1/cameras/c0/restart')).status).toBe(200);
  await vigia.until('a result of the new process', () =>
    vigia.lines.slice(from).some((l) => l.type === 'result' && l.camera === 'c0' && l.seq === 1),
  );
  const now = pidsByCamera(box);
  expect(now.get('c0')).not.toBe(pids.get('c0'));
  expect(now.get('c1')).toBe(pids.get('c1'));
  expect((await ask(box, 'DELETE', '/api/v1/cameras/c1')).body).toMatchObject({ cameras: { removed: ['c1'] } });
  expect(Object.keys((await ask(box, 'GET', '/api/v1/cameras')).body as object)).toEqual(['c0']);
  expect(await ask(box, 'DELETE', '/api/v1/cameras/c1')).toMatchObject({
    status: 404,
    body: { error: { code: 'not_found' } },
  });
  const report = await stop(node);
  expect(report.cameras['c0']?.captured).toBeGreaterThan(before.cameras['c0']?.captured ?? 0);
});

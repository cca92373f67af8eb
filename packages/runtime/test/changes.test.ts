import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { ask, type CameraText, pidsByCamera, reportNow, startFleet, untilSeen, writeConfig } from './support/fleet.ts';
import { startMosquitto } from './support/programs.ts';
import { closers, command, hangUp, resultsOfNewProcess, running, stop } from './support/running-node.ts';
import { isAlive, Sandbox } from './support/vigia.ts';

describe('a terminal', () => {
  /** Runs a node on a terminal of its own; prints its pid; closes the terminal on a line of input. */
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
    // Of a model that listens the hang-up would leave a socket.
    const listens = (): boolean => box.leftovers().some((name) => name.endsWith('.sock') && name.includes('model'));
    for (const endMs = performance.now() + 10_000; !listens(); ) {
      if (performance.now() > endMs) throw new Error(`no model listens: ${box.leftovers().join(', ')}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
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

describe('the broker', { tags: 'full' }, () => {
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

test('what is changed at runtime stays changed when the file is read again; vigia check --diff shows what would change', async () => {
  const node = await running(3, 2);
  const { box, vigia, all } = node;
  const { c0, c1, c2 } = all as Record<'c0' | 'c1' | 'c2', CameraText>;
  const file = join(box.dir, 'vigia.yml');
  const check = async (): Promise<string> => (await command(box, 'check', '--diff', '-c', file)).stdout;
  expect(await check()).toBe(`node ${box.node}, revision 1: ${file} changes nothing\n`);

  expect((await ask(box, 'DELETE', '/api/v1/cameras/c1')).body).toMatchObject({
    revision: 2,
    changes: ['cameras.c1: removed'],
  });
  const added = { source: c2.source, consumers: { people: { model: 'ssdlite' } } };
  expect(await ask(box, 'PUT', '/api/v1/cameras/c2', added)).toMatchObject({ status: 200, body: { revision: 3 } });
  await untilSeen(vigia, ['c2']);
  expect(await ask(box, 'PUT', '/api/v1/cameras/c9', { sorce: 'x' })).toMatchObject({
    status: 400,
    body: { error: { code: 'usage', message: expect.stringContaining('cameras.c9.sorce: unknown key') } },
  });

  // The file says what it said: neither is c1 back, nor is c2 gone.
  expect(await hangUp(vigia)).toContain('cameras: 2 untouched');
  writeConfig(box, { c0: { ...c0, extra: 'on_loss: conceal' }, c1 });
  expect(await check()).toBe(
    `node ${box.node}, revision 3: ${file} would change\n  cameras.c0.on_loss: "wait" → "conceal"\nchanged at runtime, and not in the file as the node last read it:\n  cameras.c1: removed\n  cameras.c2: added\n`,
  );
  expect(await hangUp(vigia)).toContain('cameras: changed c0, 1 untouched');
  writeConfig(box, { c0, c1: { ...c1, extra: 'on_loss: conceal' } });
  expect(await command(box, 'reload', '-c', file)).toEqual({
    code: 0,
    stdout: 'cameras: added c1, changed c0, 1 untouched; models: 1 untouched\n',
    stderr: '',
  });

  const revisions = (await ask(box, 'GET', '/api/v1/config/revisions')).body as { revision: number; by: string }[];
  expect(revisions.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5]);
  expect(revisions.map(({ by }) => by.split(' ')[0])).toEqual(['file', 'control', 'control', 'file', 'file']);
  const { body } = await ask(box, 'GET', '/api/v1/config');
  expect(body).toMatchObject({ revision: 5, document: { cameras: { c2: { source: c2.source } } } });
  // An event is stored before it is shown, so its line may come after the answer.
  const announced = (): unknown[] => vigia.lines.filter((line) => line.type === 'node_event' && line.kind === 'config');
  await vigia.until('an event for each revision', () => announced().length >= 4);
  await stop(node);
  expect(announced()).toHaveLength(4);
});

test('the control socket restarts a camera and takes one out, and says who is not there', async () => {
  const node = await running(2);
  const { box, vigia } = node;
  const pids = pidsByCamera(box);
  const intervals = (since: number): number[] => {
    const at = vigia.lines
      .slice(since)
      .flatMap((line) => (line.type === 'result' && line.camera === 'c0' ? [Date.parse(line.captured_at)] : []));
    return at.slice(1).map((ms, i) => ms - (at[i] as number));
  };
  const patched = vigia.lines.length;
  const [{ cameras: then }] = [await reportNow(box)];
  expect((await ask(box, 'PATCH', '/api/v1/cameras/c0/consumers/people', { fps: 2 })).body).toMatchObject({
    cameras: { changed: ['c0'], untouched: 1 },
  });
  await vigia.until('results at the new rate', () => intervals(patched).filter((ms) => ms > 350).length >= 3);
  // The process, its connection and its counters go on: no picture is missing.
  expect(pidsByCamera(box)).toEqual(pids);
  const before = await reportNow(box);
  expect(before.cameras['c0']).toMatchObject({ restarts: 0, reconnects: then['c0']?.reconnects });
  expect(before.cameras['c0']?.consumers['people']?.sla_window).toMatchObject({ breaches: 0 });
  expect(Math.max(...intervals(patched))).toBeLessThan(1_500);
  const from = vigia.lines.length;
  expect((await ask(box, 'POST', '/api/v1/cameras/c0/restart')).status).toBe(200);
  await vigia.until('a result of the new process', () => resultsOfNewProcess(vigia, 'c0', from).length > 0);
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

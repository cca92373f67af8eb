import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type LogEntry, logAnswerSchema, nodeStatusSchema } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { ask } from './support/fleet.ts';
import { startProgram } from './support/programs.ts';
import { closers, command, hangUp, running, untilReported } from './support/running-node.ts';
import { isAlive, Sandbox, Vigia } from './support/vigia.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** Runs a program on a terminal of its own and passes its output on. It types what a line of input says; an empty line: Ctrl-C. */
const ON_A_TERMINAL = `
import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    for ready in select.select([terminal, 0], [], [])[0]:
        if ready == 0:
            os.write(terminal, os.read(0, 100).rstrip(b"\\n") or b"\\x03")
            continue
        try:
            text = os.read(terminal, 65536)
        except OSError:
            print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            os._exit(0)
        os.write(1, text)
`;

function watching(box: Sandbox): ReturnType<typeof startProgram> {
  const env = ['VIGIA_RUN_DIR', 'VIGIA_STATE_DIR'].map((name) => `${name}=${box.env[name]}`);
  const args = [...env, 'python3', '-c', ON_A_TERMINAL, process.execPath, MAIN, 'status', '--watch'];
  const program = startProgram('/usr/bin/env', args, 'pipe');
  closers.push(() => program.stop());
  return program;
}

function recordsIn(stdout: string): LogEntry[] {
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LogEntry]));
}

/** Asks again and again until the node is gone. @returns the answers that were no log. */
async function askUntilGone(box: Sandbox): Promise<unknown[]> {
  const strange: unknown[] = [];
  for (;;) {
    const answer = await ask(box, 'GET', '/api/v1/logs?limit=1').catch(() => undefined);
    if (!answer) return strange;
    if (answer.status !== 200) strange.push(answer.body);
  }
}

test('status, logs and stop of one running node', async () => {
  const { box, vigia } = await running(1);
  await untilReported(box);

  const screen = await command(box, 'status');
  expect([screen.code, screen.stderr]).toEqual([0, '']);
  expect(screen.stdout).toMatch(/^t\d+-\d+ {2}vigia \d+\.\d+\.\d+ · up 0:\d\d · MQTT off · shared memory /);
  expect(screen.stdout).toMatch(/\nhealth ok · 1 of 1 camera live\n/);
  expect(screen.stdout).toMatch(/\nc0 +live +\d\.\d +h264 768×576\n/);
  expect(screen.stdout).toMatch(
    /\n {2}people \(ssdlite\) +running +\d+\.\d +[\d,.]+ m?s +[\d,.]+ m?s {2}(\d+ \w+, )*\d+ person/,
  );
  expect(screen.stdout).toMatch(/\nssdlite +ready +\d+ .* {2}0\n/);

  const status = nodeStatusSchema.parse(JSON.parse((await command(box, 'status', '--json')).stdout));
  expect(status).toMatchObject({
    node: box.node,
    pid: vigia.pid,
    problems: [],
    alarms: [],
    models: { ssdlite: { state: 'ready' } },
  });
  expect(status.cameras['c0']?.answers['people']?.per_s).toBeGreaterThan(0);
  expect(await command(box, 'status', '--watch')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--watch needs a terminal/),
  });

  const printed = await command(box, 'logs');
  expect([printed.code, printed.stderr]).toEqual([0, '']);
  // The node writes its log to stderr, because its own output is JSON.
  expect(vigia.stderr).toContain(printed.stdout);
  expect(printed.stdout).toMatch(/^\d\d:\d\d:\d\d info {2}supervisor: memory: at most .*\n/);
  const records = recordsIn((await command(box, 'logs', '--json')).stdout);
  expect(records.map(({ number }) => number)).toEqual(records.map((_, i) => i + 1));
  expect(recordsIn((await command(box, 'logs', '--json', '--limit', '1')).stdout)).toEqual(records.slice(-1));
  expect((await command(box, 'logs', '--level', 'error')).stdout).toBe('');
  expect(await command(box, 'logs', '--level', 'loud')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('query.level: '),
  });
  expect(await command(box, 'logs', '--limit', '1001')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('query.limit: '),
  });
  const rest = logAnswerSchema.parse((await ask(box, 'GET', `/api/v1/logs?after=${records.length - 1}`)).body);
  expect(rest).toEqual({ records: records.slice(-1), lost: 0, next: records.length });

  const left = watching(box);
  await left.line(/q ends this view only/);
  left.process.stdin?.write('?\n');
  await left.line(/AGE +from the capture of a picture to the decision about it/);
  left.process.stdin?.write('q\n');
  await left.line(/\[\?25hnode t\d+-\d+ goes on\r?\n(?:.*\n)*ended with 0/);
  const stays = watching(box);
  await stays.line(/c0 .*live/);
  const interrupted = watching(box);
  await interrupted.line(/c0 .*live/);
  interrupted.process.stdin?.write('\n');
  await interrupted.line(/goes on\r?\n(?:.*\n)*ended with 0/);
  const follower = new Vigia(['logs', '--follow', '--json'], box.env);
  closers.push(() => follower.process.kill('SIGKILL'));
  await follower.until('the first records', () => recordsIn(follower.stdout).length === records.length);
  const reload = await hangUp(vigia);
  await follower.until('the new record', () => recordsIn(follower.stdout).at(-1)?.message === reload);

  const asking = Promise.all(Array.from({ length: 4 }, () => askUntilGone(box)));
  const stopped = await command(box, 'stop');
  expect(stopped).toMatchObject({ code: 0, stderr: '' });
  expect(stopped.stdout).toMatch(
    new RegExp(`^node ${box.node} \\(process ${vigia.pid}\\) has ended after \\d+\\.\\d s\n$`),
  );
  expect(isAlive(vigia.pid)).toBe(false);
  expect(await vigia.ended()).toBe(0);
  expect(vigia.stderr).toMatch(/stop requested by control socket \(user /);
  expect(box.leftovers()).toEqual([]);
  expect((await asking).flat()).toEqual([]);
  expect([await follower.ended(), follower.stderr]).toEqual([0, 'vigia: the node has ended\n']);
  await stays.line(/\[\?25hnode t\d+-\d+ has ended\r?\n(?:.*\n)*ended with 0/);
});

describe('without a running node', () => {
  test.each(['status', 'logs', 'stop'])('vigia %s fails with a sentence', async (name) => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    expect(await command(box, name)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vigia: no node answers at .*control\.sock: is `vigia run` running\?\n$/),
    });
  });
});

test('vigia.yml of the current folder is the configuration when none is given', () => {
  const box = new Sandbox();
  closers.push(() => box.remove());
  box.file('vigia.yml', 'version: 1\ncameras:\n  hall: { sorce: x }\n');
  const here = spawnSync(process.execPath, [MAIN, 'check'], { cwd: box.dir, env: box.env, encoding: 'utf8' });
  expect([here.status, here.stderr]).toEqual([
    2,
    expect.stringMatching(/^vigia: vigia\.yml:3: cameras\.hall\.sorce: /),
  ]);
});

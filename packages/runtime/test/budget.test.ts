import { afterEach, describe, expect, test } from 'vitest';
import { type CameraText, writeConfig } from './support/fleet.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function ended(box: Sandbox, ...args: string[]): Promise<Vigia & { readonly code: number | null }> {
  const vigia = new Vigia(args, box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  const code = await vigia.ended(60_000);
  return Object.assign(vigia, { code });
}

function sandbox(cameras: number, extra = ''): { readonly box: Sandbox; readonly file: string } {
  const box = new Sandbox();
  closers.push(() => box.remove());
  const one: CameraText = { source: 'rtsp://127.0.0.1:1/x', extra };
  return { box, file: writeConfig(box, Object.fromEntries(Array.from({ length: cameras }, (_, i) => [`c${i}`, one]))) };
}

describe('memory', () => {
  test('check prints a line per process, both sums and what is available', async () => {
    const { box, file } = sandbox(2, 'max_picture: { width: 1280, height: 720 }');
    const { code, stdout } = await ended(box, 'check', '-c', file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/memory, at most +process +pictures +buffers +shared +sum\n/);
    for (const name of ['supervisor', 'camera c0', 'camera c1', 'model ssdlite'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} .*MiB$`, 'm'));
    expect(stdout).toMatch(/^memory: at most \d+\.\d MiB of [\d.]+ [MG]iB available \(.+\)$/m);
    expect(stdout).toMatch(/^shared memory: 2\.3 MiB of .* free in \/dev\/shm$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${file}: fine`);
  });

  test('900 cameras do not fit: check and run refuse with one sentence, and nothing is started', async () => {
    const { box, file } = sandbox(900);
    const sentence =
      /^vigia: memory: 900 cameras and 1 model need up to [\d.]+ GiB, [\d.]+ GiB are available \(.+\); the largest item is the decoded pictures of the cameras, [\d.]+ GiB: set a smaller `max_picture` \(camera c0 has 3840×2160\), or have fewer cameras or consumers\n$/;
    const checked = await ended(box, 'check', '-c', file);
    expect(checked.stderr).toMatch(sentence);
    expect(checked.code).toBe(1);
    const ran = await ended(box, 'run', '-c', file);
    expect(ran.stderr).toMatch(sentence);
    expect(ran.stdout).toBe('');
    expect(ran.code).toBe(1);
    expect(box.leftovers()).toEqual([]);
  });

  test('run prints both sums in its log', async () => {
    const { box, file } = sandbox(1);
    const { stderr } = await ended(box, 'run', '-c', file, '--for', '100ms', '--json');
    expect(stderr).toMatch(/info {2}supervisor: memory: at most [\d.]+ MiB of [\d.]+ [MG]iB available/);
    expect(stderr).toMatch(/info {2}supervisor: shared memory: 1\.3 MiB of [\d.]+ [MG]iB free in \/dev\/shm/);
  });
});

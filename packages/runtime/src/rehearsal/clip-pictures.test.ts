import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { readClip } from './clip-pictures.ts';

const FALL = fileURLToPath(new URL('../../assets/fall.mp4', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'vigia-clip-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const NEVER = new AbortController().signal;

async function times(file: string, fps: number): Promise<{ at: number[]; clipMs: number }> {
  const at: number[] = [];
  const clipMs = await readClip(
    file,
    fps,
    async (picture, atMs) => {
      expect(picture.width).toBe(640);
      at.push(atMs);
    },
    NEVER,
  );
  return { at, clipMs };
}

test('gives pictures at the rate, each at or after its time, to the end of the clip', async () => {
  const { at, clipMs } = await times(FALL, 5);
  expect(clipMs).toBeGreaterThan(6_000);
  expect(at[0]).toBe(0);
  expect(at.length).toBe(Math.floor(clipMs / 200) + 1);
  // The clip has 15 pictures a second: the next one comes up to 67 ms after it is due.
  for (const [i, one] of at.entries()) {
    expect(one).toBeGreaterThanOrEqual(i * 200 - 1);
    expect(one).toBeLessThanOrEqual(i * 200 + 75);
  }
});

test('gives all of them when more are wished than there are, in order', async () => {
  const { at, clipMs } = await times(FALL, 30);
  expect(at.length).toBe(94);
  expect(at.at(-1)).toBe(clipMs);
  expect(at).toEqual([...at].sort((a, b) => a - b));
});

test('a file that is no video, or not there, is an error that says so', async () => {
  const none = join(dir, 'none.mp4');
  writeFileSync(none, 'this is no video');
  await expect(times(none, 5)).rejects.toMatchObject({ code: 'corrupt' });
  await expect(times(join(dir, 'gone.mp4'), 5)).rejects.toMatchObject({ code: 'not_found' });
});

test('ends when it is stopped, and when a picture cannot be dealt with', async () => {
  const stop = new AbortController();
  const stopped = readClip(FALL, 5, async () => stop.abort(new Error('enough')), stop.signal);
  await expect(stopped).rejects.toThrow('enough');
  const failing = readClip(FALL, 5, () => Promise.reject(new Error('no model')), NEVER);
  await expect(failing).rejects.toThrow('no model');
});

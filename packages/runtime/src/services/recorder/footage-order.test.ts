import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeNote, footagePath, readSegment } from '#core/footage';
import { earlierFootage } from './footage-order.ts';
import { MovieWriter } from '#core/movie';

const START_MS = Date.parse('2026-11-23T10:00:00.250Z');
/** Parameter sets of a picture of 64×64, as x264 makes them, and no slice: a muxer does not look at it. */
const SETS = Buffer.from('00000001674d400aec8867e2700000030010000003014024f89920000000016868ce3880', 'hex');

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-order-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A segment with so many pictures of 100 ms. */
function write(order: number, startMs: number, pictures: number): void {
  const movie = new MovieWriter({ codec: 'h264', sets: SETS, width: 64, height: 64, depth: 0 }, undefined);
  const note = { v: 1, node: 'n', camera: 'hall', boot: 'b', order, epoch: 1, start_ms: startMs, gap: null } as const;
  const begin = Buffer.concat([movie.take(), encodeNote(note)]);
  for (let i = 0; i < pictures; i += 1)
    movie.video({
      data: Buffer.from('0000000165888400', 'hex'),
      shown: i * 9_000,
      decoded: i * 9_000,
      duration: 9_000,
      keyframe: i === 0,
    });
  const path = join(dir, footagePath({ camera: 'hall', startMs: Math.floor(startMs), order, event: false }));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat([begin, movie.take()]));
  movie.close();
}

describe('earlierFootage', () => {
  test('finds nothing where nothing was recorded', async () => {
    expect(await earlierFootage([dir, join(dir, 'away')], 'hall')).toEqual({ order: 0, endMs: null });
  });

  test('says when the newest segment ends, by its order and not by its time', async () => {
    write(1, START_MS + 3_600_000, 5);
    write(2, START_MS, 10);
    expect(await earlierFootage([dir], 'hall')).toEqual({ order: 2, endMs: START_MS + 1_000 });
  });

  test('looks past segments whose recorder was killed at their beginning, which keep their order', async () => {
    write(7, START_MS, 10);
    write(8, START_MS + 5_000, 0);
    write(9, START_MS + 6_000, 0);
    const killed = join(
      dir,
      footagePath({ camera: 'hall', startMs: Math.floor(START_MS) + 6_000, order: 9, event: false }),
    );
    expect(await readSegment(killed)).toBeUndefined();
    expect(await earlierFootage([dir], 'hall')).toEqual({ order: 9, endMs: START_MS + 1_000 });
  });
});

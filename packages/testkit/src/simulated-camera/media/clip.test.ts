import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FOOTAGE } from '../../../test/clips.ts';
import { loadClip } from './clip.ts';
import { isVcl, nalType } from './nal.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-clip-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** One second of silence: a file that libav reads, without any picture. */
function wav(): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + 16_000, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(16_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(16_000, 40);
  return Buffer.concat([header, Buffer.alloc(16_000)]);
}

describe('loadClip', () => {
  it('reads the footage: sizes, times, keyframes, parameter sets', async () => {
    const clip = await loadClip(FOOTAGE);
    expect([clip.width, clip.height, clip.fps, clip.units.length]).toEqual([768, 576, 10, 200]);
    expect([clip.periodTicks, clip.reorderTicks]).toEqual([1_800_000, 0]);
    expect(clip.parameterSets.map(nalType)).toEqual([7, 8]);
    expect(clip.units.filter((unit) => unit.keyframe).map((unit) => unit.index)).toEqual([
      0, 20, 40, 60, 80, 100, 120, 140, 160, 180,
    ]);
    expect(clip.units.map((unit) => unit.dtsTicks)).toEqual(clip.units.map((_, i) => i * 9000));
    expect(clip.units.every((unit) => unit.nals.some(isVcl))).toBe(true);
    expect(clip.units.flatMap((unit) => unit.nals.map(nalType)).filter((type) => type === 7 || type === 8)).toEqual([]);
  });

  it.each([
    ['a file that does not exist', () => join(folder, 'none.mp4'), 'clip_not_found', 'does not exist'],
    ['a folder', () => folder, 'clip_not_found', 'is not a file'],
    ['text', () => file('text.mp4', Buffer.from('no video at all')), 'clip_unreadable', 'intact file'],
    ['an empty file', () => file('empty.mp4', Buffer.alloc(0)), 'clip_unreadable', 'intact file'],
    ['sound only', () => file('sound.wav', wav()), 'clip_no_h264', 'pcm_s16le'],
  ])('refuses %s', async (_, path, code, words) => {
    const where = path();
    await expect(loadClip(where)).rejects.toMatchObject({ code, path: where, message: expect.stringContaining(words) });
  });

  it('refuses packets that are not whole NAL units', async () => {
    const bytes = readFileSync(FOOTAGE);
    bytes.fill(0xff, bytes.indexOf('mdat') + 4, bytes.indexOf('mdat') + 70_000);
    await expect(loadClip(file('overwritten.mp4', bytes))).rejects.toMatchObject({ code: 'clip_unreadable' });
  });

  it('refuses a file that was cut off', async () => {
    const bytes = readFileSync(FOOTAGE);
    const path = file('cut.mp4', bytes.subarray(0, bytes.byteLength >> 1));
    await expect(loadClip(path)).rejects.toMatchObject({ code: 'clip_unreadable' });
  });

  it('refuses more bytes than allowed', async () => {
    await expect(loadClip(FOOTAGE, { maxBytes: 100_000 })).rejects.toMatchObject({
      code: 'clip_too_large',
      message: expect.stringContaining('100000'),
    });
  });
});

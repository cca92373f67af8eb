import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FOOTAGE, madeClip } from '../../../test/clips.ts';
import { loadClip } from './clip.ts';
import { nalRole, nalType } from './nal.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-clip-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** One second of silence: a file that libav can read, without video. */
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
    expect(clip.parameterSets.map((nal) => nalType(nal))).toEqual([7, 8]);
    expect(clip.units.filter((unit) => unit.keyframe).map((unit) => unit.index)).toEqual([
      0, 20, 40, 60, 80, 100, 120, 140, 160, 180,
    ]);
    expect(clip.units.map((unit) => unit.dtsTicks)).toEqual(clip.units.map((_, i) => i * 9000));
    expect(clip.units.every((unit) => unit.nals.some((nal) => nalRole(nal, 'h264') === 'slice'))).toBe(true);
    expect(
      clip.units.flatMap((unit) => unit.nals.map((nal) => nalType(nal))).filter((type) => type === 7 || type === 8),
    ).toEqual([]);
  });

  it.each(['mp4', 'mkv', 'ts'] as const)('reads H.265 from .%s', async (ending) => {
    const clip = await loadClip(madeClip('h265', ending));
    expect([clip.codec, clip.width, clip.height, clip.units.length]).toEqual(['h265', 320, 240, 20]);
    expect(Math.round(clip.fps)).toBe(10);
    expect(clip.parameterSets.map((nal) => nalType(nal, 'h265'))).toEqual([32, 33, 34]);
    expect(clip.units.filter((unit) => unit.keyframe).map((unit) => unit.index)).toEqual([0, 10]);
    const roles = clip.units.map((unit) => unit.nals.map((nal) => nalRole(nal, 'h265')));
    expect(roles.every((list) => list.includes('slice'))).toBe(true);
    expect(roles.flat().filter((role) => role !== 'slice' && role !== 'sei')).toEqual([]);
  });

  it.each(['h264Slices', 'h265Slices'] as const)('keeps the slices of a picture together: %s', async (recipe) => {
    const clip = await loadClip(madeClip(recipe));
    const slices = clip.units.map((unit) => unit.nals.filter((nal) => nalRole(nal, clip.codec) === 'slice').length);
    expect(new Set(slices)).toEqual(new Set([4]));
    expect(slices).toHaveLength(20);
  });

  it('reads the AAC track of an MP4, and leaves that of a transport stream', async () => {
    const { audio } = await loadClip(madeClip('h264Aac'));
    expect([audio?.sampleRate, audio?.channels, audio?.config.toString('hex').slice(0, 4)]).toEqual([
      16_000,
      1,
      '1408',
    ]);
    expect(audio?.units.length).toBeGreaterThan(30);
    expect((await loadClip(madeClip('h264Aac', 'ts'))).audio).toBeUndefined();
    expect((await loadClip(FOOTAGE)).audio).toBeUndefined();
  });

  it.each([
    ['a file that does not exist', () => join(folder, 'none.mp4'), 'clip_not_found', 'does not exist'],
    ['a folder', () => folder, 'clip_not_found', 'is not a file'],
    ['text', () => file('text.mp4', Buffer.from('no video at all')), 'clip_unreadable', 'intact file'],
    ['an empty file', () => file('empty.mp4', Buffer.alloc(0)), 'clip_unreadable', 'intact file'],
    ['sound only', () => file('sound.wav', wav()), 'clip_no_video', 'pcm_s16le'],
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

import { h264Sps } from '@vigia/testkit';
import { expect, test } from 'vitest';
import { PictureNeeds } from '#core/media/bitstream';
import { profileIn, withoutHeldPictures, withParameterSets } from './parameter-sets.ts';

const nal = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 1, ...bytes]);
const SETS = Buffer.concat([nal(0x67, 0x64, 0, 0x1f), nal(0x68, 1)]);
const SLICE = nal(0x65, 0x88);

test('a keyframe without parameter sets gets those of the connection; one that has some keeps its own', () => {
  expect(withParameterSets('h264', SLICE, SETS)).toEqual(Buffer.concat([SETS, SLICE]));
  expect(withParameterSets('h264', SLICE, undefined)).toBe(SLICE);
  const whole = Buffer.concat([nal(0x09, 0xf0), SETS, SLICE]);
  expect(withParameterSets('h264', whole, SETS)).toBe(whole);
  // Behind the picture they belong to the next one.
  const behind = Buffer.concat([SLICE, SETS]);
  expect(withParameterSets('h264', behind, SETS)).toEqual(Buffer.concat([SETS, behind]));
});

test('the same of H.265: its picture of a keyframe is no parameter set', () => {
  const sets = Buffer.concat([nal(0x40, 1), nal(0x42, 1), nal(0x44, 1)]);
  const picture = nal(0x26, 1);
  expect(withParameterSets('hevc', picture, sets)).toEqual(Buffer.concat([sets, picture]));
  const whole = Buffer.concat([sets, picture]);
  expect(withParameterSets('hevc', whole, sets)).toBe(whole);
});

test('the profile, where there is one', () => {
  expect(profileIn(SETS)).toBe('64');
  expect(profileIn(SLICE)).toBeUndefined();
  expect(profileIn(nal(0x67))).toBe('');
});

test('a keyframe says that no picture overtakes another one, and is otherwise as it was', () => {
  const sps = h264Sps({ profile: 77, width: 640, height: 480, references: 3, frames: true });
  const unit = Buffer.concat([nal(0x09, 0xf0), nal(...sps), nal(0x68, 1), SLICE]);
  const changed = withoutHeldPictures(unit);
  expect(changed.subarray(0, 10)).toEqual(unit.subarray(0, 10));
  expect(changed.subarray(-12)).toEqual(unit.subarray(-12));
  expect(changed.byteLength).toBeGreaterThan(unit.byteLength);
  expect(new PictureNeeds('h264').shownIn(changed)).toEqual({ width: 640, height: 480 });
  // It says so already; there is nothing to change.
  expect(withoutHeldPictures(changed)).toBe(changed);
  expect(withoutHeldPictures(SLICE)).toBe(SLICE);
});

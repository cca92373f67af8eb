import { expect, test } from 'vitest';
import { cameraOf, linkTo, linkToSettings, settingsOf, WALL } from './route.ts';

test('a link leads to its camera, whatever characters its id has', () => {
  expect(linkTo('room-4')).toBe('#/camera/room-4');
  for (const id of ['room-4', 'a/b', 'ä ö', '%41', '#']) expect(cameraOf(linkTo(id))).toBe(id);
});

test('anything else is the wall', () => {
  for (const hash of ['', '#', WALL, '#/camera', '#/camera/', '#/camera/a/b', '#/cameras/a', '#/camera/%', '/camera/a'])
    expect(cameraOf(hash)).toBeNull();
});

test('settings have parts, each with its address', () => {
  expect(settingsOf('#/settings')).toBe('cameras');
  for (const part of ['cameras', 'users', 'revisions'] as const) expect(settingsOf(linkToSettings(part))).toBe(part);
  for (const hash of ['', '#/settings/', '#/settings/other', '#/setting']) expect(settingsOf(hash)).toBeNull();
});

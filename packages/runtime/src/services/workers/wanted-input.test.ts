import type { WorkerWants } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { WorkerConsumerSetup } from '#core/camera-link';
import { wantedInput } from './wanted-input.ts';

function setup(transport: 'shm' | 'stdin' | 'thread', jpeg = false): WorkerConsumerSetup {
  return {
    input: { format: 'RGB24', width: 640, height: 360, fit: 'letterbox' },
    worker: { transport, jpeg },
  } as unknown as WorkerConsumerSetup;
}

test.each<[string, WorkerWants | undefined, string, boolean]>([
  ['nothing said', undefined, 'RGB24 640x360', false],
  ['smaller', { width: 320, height: 180 }, 'RGB24 320x180', false],
  ['another format', { format: 'GRAY8' }, 'GRAY8 640x360', false],
  ['NV12', { format: 'NV12' }, 'NV12 640x360', false],
  ['JPEG', { format: 'JPEG', width: 320 }, 'RGB24 320x360', true],
])('granted: %s', (_, wants, expected, jpeg) => {
  const input = wantedInput(setup('stdin'), wants);
  if (typeof input === 'string') throw new Error(input);
  expect(`${input.spec.format} ${input.spec.width}x${input.spec.height}`).toBe(expected);
  expect(input.jpeg).toBe(jpeg);
  expect(input.spec.fit).toBe('letterbox');
});

test('refused with both sizes', () => {
  const found = wantedInput(setup('shm'), { width: 1280, height: 720 });
  expect(found).toBe("wants RGB24 1280×720; its configuration's input allows RGB24 640×360, not more bytes than that");
  expect(wantedInput(setup('shm'), { width: 200, height: 362 })).toMatch(/200×362.*640×360/);
  expect(wantedInput(setup('shm'), { format: 'NV12', width: 321 })).toMatch(/even/);
  expect(wantedInput(setup('shm'), { format: 'JPEG' })).toMatch(/JPEG goes over stdin, not over shm/);
  expect(wantedInput(setup('thread'), { format: 'JPEG' })).toMatch(/not over thread/);
  const grey = { ...setup('shm'), input: { format: 'GRAY8', width: 640, height: 360, fit: 'stretch' } } as const;
  expect(wantedInput(grey, { format: 'RGB24' })).toMatch(/wants RGB24 640×360.*allows GRAY8 640×360/);
});

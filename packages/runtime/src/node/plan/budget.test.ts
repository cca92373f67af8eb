import { configSchema } from '@vigia/contracts';
import type { ModelManifest } from '@vigia/model-container';
import { describe, expect, test } from 'vitest';
import { referencePictures } from '#core/media';
import { admit, budgetOf, describeBudget, pictureBytes } from './budget.ts';
import { describePlan, type Plan, planOf } from './plan.ts';

const MIB = 1024 * 1024;
/** The probe's picture. */
const PROBE = 300 * 300 * 3;
const ROOM = { memoryBytes: 1024 * MIB, memorySource: 'MemAvailable', shmBytes: 64 * MIB };

function plan(cameras: number, settings: object = {}, workers: object = {}): Plan {
  const camera = { source: 'rtsp://a/1', consumers: { people: { model: 'ssd' } }, ...settings };
  const config = configSchema.parse({
    version: 1,
    node: 'n',
    cameras: Object.fromEntries(Array.from({ length: cameras }, (_, i) => [`c${i}`, camera])),
    models: { ssd: { use: 'ssdlite' } },
    workers,
  });
  const manifest = { id: 'ssdlite', version: '1', input: { width: 300, height: 300, fit: 'stretch' } };
  const located = {
    kind: 'own' as const,
    dir: '/m',
    manifest: manifest as unknown as ModelManifest,
    weightsBytes: 18 * MIB,
  };
  return planOf(config, '/run/n', new Map([['ssd', located]]));
}

function memory(...args: Parameters<typeof plan>): number {
  return budgetOf(plan(...args)).memoryBytes;
}

describe('pictures', () => {
  // H.264 tables: floor(184320 / macroblocks), at most 16; H.265 A.4.2: 16 for small pictures, 6 for the largest.
  test.each([
    [640, 480, 16],
    [1920, 1080, 16],
    [2560, 1440, 12],
    [3840, 2160, 6],
    [4096, 2304, 6],
    // Only level 6 allows such pictures.
    [7680, 4320, 6],
    [8192, 8192, 6],
  ])('%i×%i: at most %i for reference', (width, height, pictures) => {
    expect(referencePictures(width, height)).toBe(pictures);
  });

  test('the size of a picture includes luma, quarter-size chroma, and libav’s padding', () => {
    expect(pictureBytes(1920, 1080)).toBeGreaterThan(1920 * 1080 * 1.5);
    expect(pictureBytes(1920, 1080)).toBeLessThan(1920 * 1080 * 1.5 * 1.15);
  });
});

describe('the budget', () => {
  test('is the sum of its items, shared memory included', () => {
    const budget = budgetOf(plan(3));
    const sum = budget.items.reduce((all, i) => all + i.process + i.pictures + i.buffers + i.shared, 0);
    expect(budget.memoryBytes).toBe(sum);
    expect(budget.shmBytes).toBe(plan(3).shmBytes);
    expect(budget.items.reduce((all, i) => all + i.shared, 0)).toBe(budget.shmBytes);
    expect(budget.items.map((i) => i.id)).toEqual(['code, once', 'supervisor', 'c0', 'c1', 'c2', 'ssd']);
  });

  test.each([
    ['a camera', plan(2)],
    ['a consumer', plan(1, { consumers: { a: { model: 'ssd' }, b: { model: 'ssd' } } })],
    ['a larger picture', plan(1, { max_picture: { width: 7680, height: 4320 } })],
    ['a second stream', plan(1, { detect_source: 'rtsp://a/2' })],
    ['datagrams', plan(1, { transport: 'udp' })],
  ])('grows with %s', (_, larger) => {
    expect(budgetOf(larger).memoryBytes).toBeGreaterThan(memory(1));
  });

  test('includes a model that stays until its successor has taken over', () => {
    const one = plan(1);
    expect(budgetOf(one, one.models).memoryBytes - memory(1)).toBe((96 + 4 * 18) * MIB + PROBE);
  });

  describe('of workers', () => {
    const consumers = { people: { model: 'ssd' }, flow: { worker: 'flow' } };
    const withWorker = (worker: object, cameras = 1): Plan => plan(cameras, { consumers }, { flow: worker });

    test('includes the workers that have a limit, once per camera', () => {
      const without = withWorker({ command: ['flow'] }, 2);
      const budget = budgetOf(withWorker({ command: ['flow'], memory_mib: 300 }, 2));
      expect(budget.memoryBytes - budgetOf(without).memoryBytes).toBe(600 * MIB);
      const items = budget.items.filter((i) => i.kind === 'worker');
      expect(items.map((i) => [i.id, i.process])).toEqual([
        ['c0/flow', 300 * MIB],
        ['c1/flow', 300 * MIB],
      ]);
      expect(describeBudget(budget, ROOM).find((line) => line.includes('c1/flow'))).toMatch(
        /^ {2}worker c1\/flow +300\.0 MiB +– +– +– +300\.0 MiB$/,
      );
    });

    test('lists the workers without a limit', () => {
      const note = 'note: workers without `memory_mib` (flow): their memory is neither planned nor bounded';
      expect(describePlan(withWorker({ command: ['flow'] }, 2)).filter((line) => line.startsWith('note:'))).toEqual([
        note,
      ]);
      const bounded = describePlan(withWorker({ command: ['flow'], memory_mib: 300 }));
      expect(bounded.some((line) => line.startsWith('note:'))).toBe(false);
      expect(bounded.find((line) => line.startsWith('worker '))).toContain(', at most 300 MiB, ');
    });

    test('lists a critical worker that would be restarted within its own deadline', () => {
      const slow = (fps: object): string[] => {
        const flow = { worker: 'flow', sla: 'critical', deadline_ms: 60_000, ...fps };
        const described = describePlan(
          plan(1, { consumers: { flow } }, { flow: { command: ['flow'], memory_mib: 8 } }),
        );
        return described.filter((line) => line.includes('is started again'));
      };
      expect(slow({ fps: 1 })).toEqual([
        'note: c0/flow is critical and may take 60 s for a frame, but is started again after 30 s without an answer: a lower `fps` gives it more',
      ]);
      expect(slow({ fps: 0.02 })).toEqual([]);
    });

    test('the refusal says what to change', () => {
      const large = withWorker({ command: ['flow'], memory_mib: 4096 });
      expect(() => admit(large, budgetOf(large), ROOM)).toThrow(
        /^memory: 1 camera, 1 model and 1 worker with `memory_mib` need up to 4\.\d\d GiB, .*; the largest item is the workers, 4\.00 GiB: give them a smaller `memory_mib`, or have fewer$/,
      );
    });
  });

  test('covers the measured memory: 1080p H.264 with 4 reference pictures 47 MiB, 2160p 128 MiB, the model 149 MiB', () => {
    const of = (width: number, height: number): number => {
      const [, , camera] = budgetOf(plan(1, { max_picture: { width, height } })).items;
      return (camera?.process ?? 0) + (camera?.pictures ?? 0);
    };
    expect(of(1920, 1080)).toBeGreaterThan(47 * MIB);
    expect(of(3840, 2160)).toBeGreaterThan(128 * MIB);
    const model = budgetOf(plan(1)).items.at(-1);
    expect((model?.process ?? 0) + (model?.buffers ?? 0)).toBeGreaterThan(149 * MIB);
  });
});

describe('admission', () => {
  test('a plan that fits is admitted', () => {
    const small = plan(2, { max_picture: { width: 1280, height: 720 } });
    expect(() => admit(small, budgetOf(small), ROOM)).not.toThrow();
  });

  test('too much memory: both sums, the largest item, what to change', () => {
    const large = plan(9);
    expect(() => admit(large, budgetOf(large), ROOM)).toThrow(
      /^memory: 9 cameras and 1 model need up to 2\.\d\d GiB, 1\.00 GiB are available \(MemAvailable\); the largest item is the decoded pictures of the cameras, 1\.\d\d GiB: set a smaller `max_picture` \(camera c0 has 3840×2160\), or have fewer cameras or consumers$/,
    );
    expect(() => admit(large, budgetOf(large), ROOM)).toThrow(expect.objectContaining({ code: 'memory_full' }));
  });

  test('the largest item is another one when pictures are small', () => {
    const many = plan(30, { max_picture: { width: 320, height: 240 } });
    expect(() => admit(many, budgetOf(many), ROOM)).toThrow(
      /the largest item is the processes of the cameras, 1\.17 GiB: have fewer cameras on this machine$/,
    );
    const none = plan(1, { max_picture: { width: 320, height: 240 } });
    expect(() => admit(none, budgetOf(none), { ...ROOM, memoryBytes: MIB })).toThrow(/the largest item is the models/);
  });

  test('too much shared memory', () => {
    const one = plan(1);
    expect(() => admit(one, budgetOf(one), { ...ROOM, shmBytes: MIB / 4 })).toThrow(
      /^\/dev\/shm: 1 camera, 1\.3 MiB of shared memory needed, 256\.0 KiB are free/,
    );
  });

  test('the table has one line per process and both sums', () => {
    const one = plan(1);
    const lines = describeBudget(budgetOf(one), ROOM);
    expect(lines).toHaveLength(7);
    expect(lines[3]).toMatch(/^ {2}camera c0 +40\.0 MiB +1\d\d\.\d MiB +47\.7 MiB +1\.0 MiB +2\d\d\.\d MiB$/);
    expect(lines[5]).toMatch(/^memory: at most \d+\.\d MiB of 1\.00 GiB available \(MemAvailable\)$/);
    expect(lines[6]).toBe('shared memory: 1.3 MiB of 64.0 MiB free in /dev/shm');
  });
});

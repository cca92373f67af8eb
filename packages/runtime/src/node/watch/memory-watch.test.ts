import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { heldByWorkers, roomFor } from '#node/plan';
import { MemoryWatch } from './memory-watch.ts';
import type { Plan } from '#node/plan';

const MIB = 2 ** 20;

async function holding(mib: number, then = ''): Promise<{ readonly pid: number; readonly end: () => Promise<void> }> {
  const program = `import sys\nheld = bytearray(b'x') * (${mib} << 20)\n${then}\nprint('there', flush=True)\nsys.stdin.read()`;
  const child = spawn('/usr/bin/python3', ['-c', program], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    end: async () => {
      const gone = once(child, 'exit');
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await gone;
    },
  };
}

describe('MemoryWatch', () => {
  it('reports a worker after three checks in a row above its limit, and continues to', async () => {
    const { pid, end } = await holding(48);
    try {
      const watch = new MemoryWatch();
      const at = (limit: number): number =>
        watch.look(new Map([['hall/flow', limit * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]).length;
      expect([at(32), at(32), at(32), at(32)]).toEqual([0, 0, 1, 1]);
      // One check below the limit resets the count.
      expect([at(1024), at(32), at(32), at(32)]).toEqual([0, 0, 0, 1]);
      const [named] = watch.look(new Map([['hall/flow', 32 * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]);
      expect(named).toMatchObject({ camera: 'hall', consumer: 'flow', pid });
      expect(named?.message).toMatch(/^uses (4[89]|5\d|6\d)\.\d MiB of memory, 32\.0 MiB are allowed$/);
    } finally {
      await end();
    }
  });

  it('starts over with a successor process', async () => {
    const first = await holding(48);
    const second = await holding(48);
    try {
      const watch = new MemoryWatch();
      const look = (pid: number): number =>
        watch.look(new Map([['hall/flow', 32 * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]).length;
      expect([look(first.pid), look(first.pid), look(second.pid), look(second.pid), look(second.pid)]).toEqual([
        0, 0, 0, 0, 1,
      ]);
    } finally {
      await first.end();
      await second.end();
    }
  });

  it('counts shared pages once before it reports a worker, and pauses if that is below the limit', async () => {
    const { pid, end } = await holding(48, 'import os\nif os.fork() == 0: sys.stdin.read(); sys.exit()');
    try {
      const watch = new MemoryWatch();
      const at = (limit: number): number =>
        watch.look(new Map([['hall/flow', limit * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]).length;
      // Per process it is 48 MiB each, 96 MiB in all; with shared pages counted once it is little more than 48 MiB.
      expect([at(80), at(80), at(80)]).toEqual([0, 0, 0]);
      // Ten checks are skipped, then three in a row are needed.
      expect(Array.from({ length: 13 }, () => at(32))).toEqual([...Array.from({ length: 12 }, () => 0), 1]);
    } finally {
      await end();
    }
  });

  it('reads nothing when no worker has a limit', () => {
    expect(new MemoryWatch().look(new Map(), [{ camera: 'hall', consumer: 'flow', pid: process.pid }])).toEqual([]);
  });
});

describe('memory held by workers, for a reload', () => {
  const planWith = (memoryMib: number | undefined): Plan =>
    ({
      cameras: [{ camera: 'hall', consumers: [{ id: 'flow', kind: 'worker', worker: { memoryMib } }] }],
    }) as unknown as Plan;

  it('counts with their descendants when the plan counts them too, or they end before it', async () => {
    const { pid, end } = await holding(48, 'import os\nif os.fork() == 0: sys.stdin.read(); sys.exit()');
    try {
      const running = [{ camera: 'hall', consumer: 'flow', pid }];
      const held = heldByWorkers(planWith(100), new Set(), running);
      expect(held).toBeGreaterThan(48 * MIB);
      // Pages shared with its child count once.
      expect(held).toBeLessThan(80 * MIB);
      expect(heldByWorkers(planWith(undefined), new Set(['hall']), running)).toBeGreaterThan(48 * MIB);
      expect(heldByWorkers({ cameras: [] } as unknown as Plan, new Set(['hall']), running)).toBeGreaterThan(48 * MIB);
      // It stays, and the plan does not count it.
      expect(heldByWorkers(planWith(undefined), new Set(['yard']), running)).toBe(0);
      // Far more than the machine's available memory may change meanwhile.
      const before = roomFor([]).memoryBytes;
      expect(roomFor([], 0, 2 ** 40).memoryBytes - before).toBeGreaterThan(2 ** 39);
    } finally {
      await end();
    }
  });
});

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
  it('names a worker that is above its limit three times in a row, and keeps naming it', async () => {
    const { pid, end } = await holding(48);
    try {
      const watch = new MemoryWatch();
      const at = (limit: number): number =>
        watch.look(new Map([['hall/flow', limit * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]).length;
      expect([at(32), at(32), at(32), at(32)]).toEqual([0, 0, 1, 1]);
      // Once below, it begins anew.
      expect([at(1024), at(32), at(32), at(32)]).toEqual([0, 0, 0, 1]);
      const [named] = watch.look(new Map([['hall/flow', 32 * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]);
      expect(named).toMatchObject({ camera: 'hall', consumer: 'flow', pid });
      expect(named?.message).toMatch(/^uses (4[89]|5\d|6\d)\.\d MiB of memory, 32\.0 MiB are allowed$/);
    } finally {
      await end();
    }
  });

  it('begins anew with the process that takes the place of another', async () => {
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

  it('counts what processes share once, before it names them; and rests then', async () => {
    const { pid, end } = await holding(48, 'import os\nif os.fork() == 0: sys.stdin.read(); sys.exit()');
    try {
      const watch = new MemoryWatch();
      const at = (limit: number): number =>
        watch.look(new Map([['hall/flow', limit * MIB]]), [{ camera: 'hall', consumer: 'flow', pid }]).length;
      // Twice 48 as each of them tells, 48 and some more together.
      expect([at(80), at(80), at(80)]).toEqual([0, 0, 0]);
      // Ten looks are left out, and three in a row are needed.
      expect(Array.from({ length: 13 }, () => at(32))).toEqual([...Array.from({ length: 12 }, () => 0), 1]);
    } finally {
      await end();
    }
  });

  it('does not look at anything when nobody has a limit', () => {
    expect(new MemoryWatch().look(new Map(), [{ camera: 'hall', consumer: 'flow', pid: process.pid }])).toEqual([]);
  });
});

describe('what workers hold already, for a reload', () => {
  const planWith = (memoryMib: number | undefined): Plan =>
    ({
      cameras: [{ camera: 'hall', consumers: [{ id: 'flow', kind: 'worker', worker: { memoryMib } }] }],
    }) as unknown as Plan;

  it('counts, with everything that they started, when the plan counts them too, or they end before it', async () => {
    const { pid, end } = await holding(48, 'import os\nif os.fork() == 0: sys.stdin.read(); sys.exit()');
    try {
      const running = [{ camera: 'hall', consumer: 'flow', pid }];
      const held = heldByWorkers(planWith(100), new Set(), running);
      expect(held).toBeGreaterThan(48 * MIB);
      // Shared with its child: once.
      expect(held).toBeLessThan(80 * MIB);
      expect(heldByWorkers(planWith(undefined), new Set(['hall']), running)).toBeGreaterThan(48 * MIB);
      expect(heldByWorkers({ cameras: [] } as unknown as Plan, new Set(['hall']), running)).toBeGreaterThan(48 * MIB);
      // It stays, and nobody plans it.
      expect(heldByWorkers(planWith(undefined), new Set(['yard']), running)).toBe(0);
      // Far more than the machine's own may change meanwhile.
      const before = roomFor([]).memoryBytes;
      expect(roomFor([], 0, 2 ** 40).memoryBytes - before).toBeGreaterThan(2 ** 39);
    } finally {
      await end();
    }
  });
});

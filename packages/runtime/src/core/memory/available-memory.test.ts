import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parseCgroups, parseMemAvailable, readAvailableMemory } from './available-memory.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A machine that consists of files. */
function machine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'vigia-memory-'));
  folders.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

const MIB = 1024 * 1024;
const MEMINFO = `MemTotal:       24684084 kB\nMemFree:          393216 kB\nMemAvailable:    1048576 kB\nSwapFree:              0 kB\n`;

test('MemAvailable, not MemFree', () => {
  expect(parseMemAvailable(MEMINFO)).toBe(1024 * MIB);
  expect(parseMemAvailable('MemFree: 393216 kB\n')).toBeUndefined();
});

test.each([
  ['version 2', '0::/system.slice/vigia.service\n', '/system.slice/vigia.service', undefined],
  ['version 1', '12:cpu,cpuacct:/a\n5:memory:/docker/x\n', undefined, '/docker/x'],
  ['both', '5:memory:/x\n0::/y:z\n', '/y:z', '/x'],
  ['nothing', '', undefined, undefined],
])('groups: %s', (_, text, unified, memory) => {
  expect(parseCgroups(text)).toEqual({ unified, memory });
});

describe('available memory', () => {
  test('without a control group: MemAvailable of the machine', () => {
    expect(readAvailableMemory(machine({ 'proc/meminfo': MEMINFO }))).toEqual({
      bytes: 1024 * MIB,
      source: 'MemAvailable',
    });
  });

  test('version 2: the tightest of the process’s groups; cached files count as free', () => {
    const root = machine({
      'proc/meminfo': MEMINFO,
      'proc/self/cgroup': '0::/outer/inner\n',
      'sys/fs/cgroup/outer/memory.max': `${300 * MIB}\n`,
      'sys/fs/cgroup/outer/memory.current': `${200 * MIB}\n`,
      'sys/fs/cgroup/outer/memory.stat': `anon 1\ninactive_file ${50 * MIB}\nactive_file 7\n`,
      'sys/fs/cgroup/outer/inner/memory.max': 'max\n',
      'sys/fs/cgroup/outer/inner/memory.current': `${100 * MIB}\n`,
    });
    expect(readAvailableMemory(root)).toEqual({
      bytes: 150 * MIB,
      source: 'memory.max of the control group /outer',
    });
  });

  test('a group with more room than the machine has no effect; a group above its limit leaves 0', () => {
    const group = (limit: number, usage: number): string =>
      machine({
        'proc/meminfo': MEMINFO,
        'proc/self/cgroup': '0::/\n',
        'sys/fs/cgroup/memory.max': `${limit}\n`,
        'sys/fs/cgroup/memory.current': `${usage}\n`,
      });
    expect(readAvailableMemory(group(8192 * MIB, 0)).source).toBe('MemAvailable');
    expect(readAvailableMemory(group(64 * MIB, 65 * MIB)).bytes).toBe(0);
  });

  test('version 1: its limit; a huge number means none', () => {
    const group = (limit: number): string =>
      machine({
        'proc/meminfo': MEMINFO,
        'proc/self/cgroup': '5:memory:/docker/x\n',
        // In a container, its own group is the visible root.
        'sys/fs/cgroup/memory/memory.limit_in_bytes': `${limit}\n`,
        'sys/fs/cgroup/memory/memory.usage_in_bytes': `${100 * MIB}\n`,
        'sys/fs/cgroup/memory/memory.stat': `total_inactive_file ${10 * MIB}\n`,
      });
    expect(readAvailableMemory(group(256 * MIB))).toEqual({
      bytes: 166 * MIB,
      source: 'memory.limit_in_bytes of the control group /',
    });
    expect(readAvailableMemory(group(9_223_372_036_854_771_712)).source).toBe('MemAvailable');
  });

  test('without readable files the memory counts as unlimited', () => {
    expect(readAvailableMemory(machine({})).bytes).toBe(Number.POSITIVE_INFINITY);
  });
});

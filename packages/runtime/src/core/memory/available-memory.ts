import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Available memory, and the source of that figure. */
export interface AvailableMemory {
  readonly bytes: number;
  /** For error messages: `MemAvailable`, or the control group's file. */
  readonly source: string;
}

/** `memory.max` of a group without a limit. */
const UNLIMITED = 'max';
/** Version 1 writes a number of about 2^63 for "no limit". */
const UNLIMITED_V1 = 2 ** 60;

/**
 * Memory that is available without swapping: the machine's available memory, or the room in the tightest control group
 * of this process, whichever is less.
 *
 * @param root Where `proc` and `sys` are; for tests.
 */
export function readAvailableMemory(root = '/'): AvailableMemory {
  const machine = parseMemAvailable(readText(join(root, 'proc/meminfo')) ?? '');
  const found: AvailableMemory[] = machine === undefined ? [] : [{ bytes: machine, source: 'MemAvailable' }];
  const { unified, memory } = parseCgroups(readText(join(root, 'proc/self/cgroup')) ?? '');
  const mount = join(root, 'sys/fs/cgroup');
  for (const group of unified === undefined ? [] : ancestors(unified)) found.push(...leftInGroup(mount, group, V2));
  for (const group of memory === undefined ? [] : ancestors(memory))
    found.push(...leftInGroup(join(mount, 'memory'), group, V1));
  // Without readable files, no limit is known.
  return found.sort((a, b) => a.bytes - b.bytes)[0] ?? { bytes: Number.POSITIVE_INFINITY, source: 'unknown' };
}

/** `MemAvailable` of /proc/meminfo in bytes; undefined when the text has none. */
export function parseMemAvailable(meminfo: string): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** The groups in /proc/self/cgroup: of the unified hierarchy (version 2), and of the memory controller (version 1). */
export function parseCgroups(text: string): {
  readonly unified: string | undefined;
  readonly memory: string | undefined;
} {
  let unified: string | undefined;
  let memory: string | undefined;
  for (const line of text.split('\n')) {
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (id === '0' && controllers === '') unified = path;
    else if (controllers.split(',').includes('memory')) memory = path;
  }
  return { unified, memory };
}

interface GroupFiles {
  readonly limit: string;
  readonly usage: string;
  /** The lines of `memory.stat` that count reclaimable file pages. */
  readonly reclaimable: RegExp;
}

const V2: GroupFiles = { limit: 'memory.max', usage: 'memory.current', reclaimable: /^inactive_file (\d+)$/m };
const V1: GroupFiles = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: /^total_inactive_file (\d+)$/m,
};

function leftInGroup(mount: string, group: string, files: GroupFiles): AvailableMemory[] {
  const limit = readText(join(mount, group, files.limit))?.trim();
  const usage = Number(readText(join(mount, group, files.usage)));
  if (limit === undefined || limit === UNLIMITED || Number(limit) >= UNLIMITED_V1 || Number.isNaN(usage)) return [];
  const reclaimable = Number(files.reclaimable.exec(readText(join(mount, group, 'memory.stat')) ?? '')?.[1] ?? 0);
  const bytes = Math.max(0, Number(limit) - usage + reclaimable);
  return [{ bytes, source: `${files.limit} of the control group ${group}` }];
}

/** A group and its ancestors: `/a/b`, `/a`, `/`. In a container the outer ones are invisible and are skipped. */
function ancestors(group: string): string[] {
  const parts = group.split('/').filter((part) => part !== '');
  return parts.map((_, i) => `/${parts.slice(0, parts.length - i).join('/')}`).concat('/');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The file does not exist on this kind of machine.
    return undefined;
  }
}

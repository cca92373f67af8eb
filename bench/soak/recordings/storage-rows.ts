import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
  closeSync,
  existsSync,
  readFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@vigia/base';
import { must, type Disk, type DiskKind } from './disks.ts';
import type { RecordedCamera } from './recorded-camera.ts';
import { shiftClock } from '../../support/clock-shim.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';

/** What a row may use. */
export interface Stage {
  readonly disk: Disk;
  /** For files of the row. */
  readonly dir: string;
  readonly node: VigiaNode;
  readonly camera: RecordedCamera;
  /** The segment that is being written. */
  readonly growing: () => string;
  /** Starts another node over the same directory. @returns what its only camera's recorder says of itself. */
  readonly secondNode: () => Promise<{ readonly state: string; readonly message: string | null }>;
}

/** A kind of trouble. */
export interface StorageRow {
  readonly name: string;
  readonly disk: DiskKind;
  /** In the short form too. */
  readonly short?: boolean;
  /** The reason while it lasts, a recorder being paused; undefined: recording goes on. */
  readonly reason?: string;
  /** Recording goes on in the open file, and may stop or not. */
  readonly eitherWay?: boolean;
  /** What is recorded may be taken away by it: units in removed files are not judged. */
  readonly removes?: boolean;
  /** Units that may be missing though no gap is in the index: of a removed file. */
  readonly second?: 'resolution' | 'codec-change';
  readonly shim?: boolean;
  readonly begin: (stage: Stage) => unknown;
  readonly end?: (stage: Stage) => unknown;
  /** What must be so afterwards, in sentences of what is not. */
  readonly judge?: (stage: Stage) => readonly string[];
}

const FOREIGN = ['notes.txt', 'hall/2026-11-23/somebody.mp4', 'other/deep/er/file.bin'];
const HOUR_S = 3_600;

function fill({ disk }: Stage): void {
  const file = openSync(join(disk.path, 'filler'), 'w');
  const block = Buffer.alloc(1 << 20);
  try {
    for (let bytes = block.byteLength; bytes >= 4_096; ) {
      try {
        writeSync(file, block, 0, bytes);
      } catch (error) {
        if (codeOf(error) !== 'ENOSPC') throw error;
        bytes /= 2;
      }
    }
  } finally {
    closeSync(file);
  }
}

function indexFiles({ node }: Stage): string[] {
  const state = join(node.dir, 'state');
  return must('find', state, '-name', 'footage.db*')
    .trim()
    .split('\n')
    .filter((path) => path !== '');
}

function killFootage({ node }: Stage): void {
  process.kill(node.child('footage-process'), 'SIGKILL');
}

/** Every kind of trouble, in the order of the table. */
export const STORAGE_ROWS: readonly StorageRow[] = [
  {
    name: 'full',
    disk: 'tmpfs',
    short: true,
    reason: 'disk_full',
    // The oldest recordings go until there is room again, and that is filled.
    eitherWay: true,
    removes: true,
    begin: fill,
    end: ({ disk }) => rmSync(join(disk.path, 'filler')),
  },
  {
    name: 'read-only after an error',
    disk: 'ext4',
    reason: 'read_only',
    begin: ({ disk }) => disk.abort(),
    end: async ({ disk }) => {
      disk.unmount();
      await disk.mount();
    },
  },
  {
    name: 'unmounted, mounted again',
    disk: 'ext4',
    eitherWay: true,
    begin: ({ disk }) => disk.unmount(),
    end: ({ disk }) => disk.mount(),
  },
  {
    name: 'the growing file removed',
    disk: 'folder',
    short: true,
    removes: true,
    begin: ({ growing }) => rmSync(growing()),
  },
  {
    name: 'foreign files',
    disk: 'folder',
    begin: ({ disk }) => {
      for (const name of FOREIGN) {
        mkdirSync(join(disk.path, name, '..'), { recursive: true });
        writeFileSync(join(disk.path, name), name);
      }
      symlinkSync('/etc', join(disk.path, 'link'));
    },
    judge: ({ disk }) =>
      FOREIGN.filter(
        (name) => !existsSync(join(disk.path, name)) || readFileSync(join(disk.path, name), 'utf8') !== name,
      ).map((name) => `the foreign file ${name} was touched`),
  },
  {
    name: 'slow, 3 s for each operation',
    disk: 'fuse',
    eitherWay: true,
    begin: ({ disk }) => disk.slow(3),
    end: ({ disk }) => disk.slow(0),
  },
  { name: 'clock set forward by an hour', disk: 'folder', shim: true, begin: (stage) => shiftClock(stage.dir, HOUR_S) },
  { name: 'clock set back by an hour', disk: 'folder', shim: true, begin: (stage) => shiftClock(stage.dir, -HOUR_S) },
  {
    name: 'another resolution',
    disk: 'folder',
    second: 'resolution',
    begin: ({ camera }) => camera.camera.setFaults(['resolution']),
  },
  {
    name: 'another codec',
    disk: 'folder',
    second: 'codec-change',
    eitherWay: true,
    begin: ({ camera }) => camera.camera.setFaults(['codec-change']),
  },
  {
    name: 'index deleted, its process killed',
    disk: 'folder',
    short: true,
    begin: (stage) => {
      for (const path of indexFiles(stage)) rmSync(path);
      killFootage(stage);
    },
  },
  {
    name: 'index garbled, its process killed',
    disk: 'folder',
    begin: (stage) => {
      for (const path of indexFiles(stage)) writeFileSync(path, randomBytes(20_000));
      killFootage(stage);
    },
  },
  {
    name: 'a second node on the directory',
    disk: 'folder',
    begin: async ({ secondNode }) => {
      const { state, message } = await secondNode();
      if (state === 'recording') throw new Error('the second node records into the same directory');
      if (!message?.includes('another')) throw new Error(`the second node says only: ${message}`);
    },
  },
];

import type { Files, Sample } from './samples.ts';

/** A number from 0 to below `below`, the same ones for the same seed. */
export type Random = (below: number) => number;

/** One way to damage a store. */
export interface DamageKind {
  readonly name: string;
  /** @returns the files after the damage. The sample stays as it is. */
  apply(sample: Sample, random: Random, other: Sample): Files;
}

const PAGE = 4_096;
/** A frame of the log: 24 bytes and a page, after a header of 32 bytes. */
const FRAME = PAGE + 24;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Change = (bytes: Buffer, random: Random) => Buffer;

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  return bytes;
}

function changeByte(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 + random(255));
  return bytes;
}

function cutOff(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random(bytes.length));
}

function cutAtPage(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random(bytes.length / PAGE) * PAGE);
}

function garbage(bytes: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => random(256)));
}

const pageOf = (bytes: Buffer, random: Random): Buffer => {
  const page = random(bytes.length / PAGE);
  return bytes.subarray(page * PAGE, (page + 1) * PAGE);
};

function swapPages(bytes: Buffer, random: Random): Buffer {
  const [one, other] = [pageOf(bytes, random), pageOf(bytes, random)];
  const kept = Buffer.from(one);
  other.copy(one);
  kept.copy(other);
  return bytes;
}

function changeText(bytes: Buffer, random: Random): Buffer {
  const at = bytes.indexOf('"revision":', random(bytes.length));
  const digit = (at < 0 ? bytes.indexOf('"revision":') : at) + 11;
  bytes[digit] = (bytes[digit] ?? 0) ^ 1;
  return bytes;
}

const changed = (files: Files, suffix: string, change: Change, random: Random): Files => {
  const bytes = files.get(suffix) ?? Buffer.alloc(0);
  return new Map([...files, [suffix, change(Buffer.from(bytes), random)]]);
};
const inFile = (name: string, change: Change): DamageKind => ({
  name,
  apply: ({ closed }, random) => changed(closed, '', change, random),
});
const beside = (name: string, suffix: string, change: Change): DamageKind => ({
  name,
  apply: ({ killed }, random) => changed(killed, suffix, change, random),
});
const without = (files: Files, ...suffixes: string[]): Files =>
  new Map([...files].filter(([suffix]) => !suffixes.includes(suffix)));

const FOREIGN: readonly ((random: Random) => Buffer)[] = [
  (random) => Buffer.from('not a store\n'.repeat(1 + random(2_000))),
  (random) => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), garbage(20_000, random)]),
  (random) => Buffer.concat([Buffer.from('1f8b08', 'hex'), garbage(20_000, random)]),
  (random) => Buffer.concat([Buffer.from('SQLite format 3\0'), garbage(8_176, random)]),
  (random) => garbage(1 + random(600), random),
];

/** Every way that the soak tries, in turn. */
export const DAMAGE: readonly DamageKind[] = [
  inFile('a bit flipped', flipBit),
  inFile('a bit of an event flipped', changeText),
  inFile('a byte changed', changeByte),
  inFile('cut off', cutOff),
  inFile('cut off between pages', cutAtPage),
  inFile('empty', () => Buffer.alloc(0)),
  inFile('a page of zeros', (bytes, random) => {
    pageOf(bytes, random).fill(0);
    return bytes;
  }),
  inFile('a page of garbage', (bytes, random) => {
    garbage(PAGE, random).copy(pageOf(bytes, random));
    return bytes;
  }),
  inFile('two pages swapped', swapPages),
  inFile('garbage as its header', (bytes, random) => {
    garbage(100, random).copy(bytes);
    return bytes;
  }),
  inFile('another kind of file', (_, random) => FOREIGN[random(FOREIGN.length)]?.(random) ?? Buffer.alloc(0)),
  beside('killed; nothing else', '-mark', (bytes) => bytes),
  beside('killed; a bit of the log flipped', '-wal', flipBit),
  beside('killed; the log cut off', '-wal', cutOff),
  beside('killed; the log cut off between frames', '-wal', (bytes, random) =>
    bytes.subarray(0, 32 + random((bytes.length - 32) / FRAME) * FRAME),
  ),
  beside('killed; garbage as the log', '-wal', (bytes, random) => garbage(bytes.length, random)),
  { name: 'killed; the log is missing', apply: ({ killed }) => without(killed, '-wal', '-shm') },
  beside('killed; a bit of the index of the log flipped', '-shm', flipBit),
  beside('killed; garbage as the index of the log', '-shm', (bytes, random) => garbage(bytes.length, random)),
  beside('killed; a bit of the mark flipped', '-mark', flipBit),
  {
    name: 'the log of another store',
    apply: ({ closed }, _, other) => new Map([...closed, ['-wal', other.killed.get('-wal') ?? Buffer.alloc(0)]]),
  },
];

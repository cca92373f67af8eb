import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import type { Random } from '../container-fuzz/random.ts';
import { filesIn, takeOut } from '../../support/runtime-internals.ts';
import { ForeignText } from './foreign.ts';
import type { CaseJudge, Part } from './part.ts';
import { paxRecord, type TarEntry, tarOf } from './tar.ts';

/** Also of a bomb. */
const LIMIT_MS = 10_000;
const CANARY = 'nobody may read or change this';
const BOMB_ONE_IN = 1_000;
const MIB = 2 ** 20;
const BOMB_MIB = 80;

type Maker = (random: Random, foreign: ForeignText, outside: string) => Buffer;

const content = Buffer.from('not a model');

/** Paths that lead out of a package. */
function outsidePath(random: Random, outside: string): string {
  const up = '../'.repeat(12);
  return random.of([
    outside,
    `package/${up}${outside.slice(1)}`,
    `package/a/../../${up}${outside.slice(1)}`,
    `../canary.onnx`,
    `package/..\\canary.onnx`,
    `package//canary.onnx`,
    `package/./m.onnx`,
    'm.onnx',
    'C:\\m.onnx',
  ]);
}

function entry(random: Random, foreign: ForeignText, outside: string): TarEntry {
  const path = random.of([
    () => 'package/m.onnx',
    () => outsidePath(random, outside),
    () => `package/${foreign.line().slice(0, 90)}.onnx`,
    () => `package/${random.text(12)}`,
  ])();
  return {
    path,
    type: random.of(['0', '0', '0', '1', '2', '5', 'x', 'g', 'L', 'K', '7', 'S', '\u0000', '9']),
    link: outsidePath(random, outside),
    content,
  };
}

const MAKERS: Readonly<Record<string, Maker>> = {
  'paths and links': (random, foreign, outside) =>
    gzipSync(tarOf(Array.from({ length: random.int(1, 5) }, () => entry(random, foreign, outside)))),
  'below a link': (random, _foreign, outside) =>
    gzipSync(
      tarOf([
        { path: 'package/d', type: '2', link: join(outside, '..') },
        { path: `package/d/${random.of(['canary.onnx', 'm.onnx'])}`, content },
      ]),
    ),
  attributes: (random, foreign, outside) => {
    const key = random.of(['path', 'linkpath', 'size', 'GNU.sparse.name', 'x']);
    const value = random.of([outside, '-1', '99999999999', foreign.line().slice(0, 300), 'package/m.onnx']);
    return gzipSync(
      tarOf([
        { path: 'x', type: random.of(['x', 'g', 'L']), content: paxRecord(key, value) },
        entry(random, foreign, outside),
      ]),
    );
  },
  'sizes that are not true': (random) =>
    gzipSync(
      tarOf([
        {
          path: 'package/m.onnx',
          content,
          size: random.of([
            '77777777777',
            '-0000000001',
            'xxxxxxxxxxx',
            '\u0080\u00ff\u00ff\u00ff\u00ff',
            '00000000000',
          ]),
        },
      ]),
    ),
  'mutated archives': (random, foreign, outside) => gzipSync(random.mutated(tarOf([entry(random, foreign, outside)]))),
  'mutated packages': (random, foreign, outside) => random.mutated(gzipSync(tarOf([entry(random, foreign, outside)]))),
  'cut packages': (random, foreign, outside) => {
    const whole = gzipSync(tarOf([entry(random, foreign, outside)]));
    return whole.subarray(0, random.int(0, whole.byteLength));
  },
  'no compression': (random, foreign, outside) => tarOf([entry(random, foreign, outside)]),
  zips: (random) => {
    const packed = deflateRawSync(content);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x0403_4b50, 0);
    head.writeUInt32LE(packed.byteLength, 18);
    head.writeUInt32LE(random.of([content.byteLength, 0xffff_ffff]), 22);
    return Buffer.concat([head, packed]);
  },
  'two packages': (random, foreign, outside) =>
    Buffer.concat([
      gzipSync(tarOf([entry(random, foreign, outside)])),
      gzipSync(tarOf([entry(random, foreign, outside)])),
    ]),
  'many entries': (random) =>
    gzipSync(
      tarOf(
        Array.from({ length: random.of([10, 300]) }, (_, i) => ({
          path: `package/${i}.onnx`,
          content: Buffer.alloc(0),
        })),
      ),
    ),
  'random bytes': (random) => random.bytes(random.int(0, 600)),
  bombs: () => bomb(),
};
const NAMES = Object.keys(MAKERS).filter((name) => name !== 'bombs');

/** Many zeros, in little memory. */
function bomb(): Buffer {
  const size = (BOMB_MIB * MIB).toString(8).padStart(11, '0');
  const head = tarOf([{ path: 'package/m.onnx', size }]).subarray(0, 512);
  const zeros = gzipSync(Buffer.alloc(MIB));
  return Buffer.concat([gzipSync(head), ...Array.from({ length: BOMB_MIB }, () => zeros)]);
}

/** Generated packages, through the functions of the model store. */
export class ArchivePart implements Part {
  readonly lanes = 2;
  readonly limitMs: number = LIMIT_MS;
  readonly #folder: string;
  readonly #canary: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#canary = join(folder, 'canary.onnx');
    writeFileSync(this.#canary, CANARY);
  }

  async play(random: Random, judge: CaseJudge): Promise<string> {
    const name = random.once(BOMB_ONE_IN) ? 'bombs' : random.of(NAMES);
    const file = join(this.#folder, `${judge.number}.tgz`);
    const into = join(this.#folder, `${judge.number}`);
    writeFileSync(file, MAKERS[name]?.(random, new ForeignText(random, false), this.#canary) ?? '');
    mkdirSync(into);
    try {
      const found = await filesIn(file, '.onnx');
      await takeOut(file, found.slice(0, 1), into);
      this.#judge(into, found.slice(0, 1), judge);
      return found.length > 0 ? 'taken' : 'nothing in it';
    } catch (error) {
      return judge.refusal(error);
    } finally {
      for (const path of [file, into]) rmSync(path, { recursive: true, force: true });
    }
  }

  /** Nothing outside was read or written, and inside is at most the one file. */
  #judge(into: string, wanted: readonly string[], judge: CaseJudge): void {
    if (readFileSync(this.#canary, 'utf8') !== CANARY) judge.faults.push('a file outside was changed');
    for (const path of allIn(into)) {
      const stats = lstatSync(path);
      if (stats.isDirectory()) continue;
      if (!stats.isFile() || stats.nlink > 1) judge.faults.push(`${path} is a link`);
      if (!wanted.some((name) => path === join(into, name))) judge.faults.push(`${path} was not asked for`);
      if (readFileSync(path, 'utf8').includes(CANARY)) judge.faults.push(`${path} holds a file of this machine`);
    }
  }
}

function allIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

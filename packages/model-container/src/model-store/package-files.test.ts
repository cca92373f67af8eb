import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { VigiaError } from '@vigia/base';
import { Header } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesIn, takeOut } from './package-files.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-package-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The head of an entry without its content. */
function headOnly(): Buffer {
  const head = Buffer.alloc(512);
  new Header({ path: 'package/m.onnx', type: 'File', mode: 0o644, size: 4_096, mtime: new Date(0) }).encode(head);
  return head;
}

const gzip = gzipSync(Buffer.alloc(4_096, 'no archive'));
const DAMAGED: Readonly<Record<string, Buffer>> = {
  'an archive that ends inside of a file': gzipSync(headOnly()),
  'a compressed archive that is cut off': gzip.subarray(0, 20),
  'a damaged compression': Buffer.concat([gzip.subarray(0, 12), Buffer.alloc(200, 0xff)]),
};

test.each(Object.entries(DAMAGED))('%s: refused with a sentence of ours', async (_name, bytes) => {
  const file = join(dir, 'package.tgz');
  writeFileSync(file, bytes);
  const reading = filesIn(file, '.onnx').then(() => takeOut(file, ['m.onnx'], dir));
  const failure: unknown = await reading.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(VigiaError);
  expect(failure).toMatchObject({
    code: 'model_unsuitable',
    message: expect.stringMatching(/^the package is no archive that can be read \(.+\)$/),
  });
  expect(readdirSync(dir)).toEqual(['package.tgz']);
});

test('an error of the system is not the fault of the package', async () => {
  const failure: unknown = await filesIn(join(dir, 'nowhere'), '.onnx').catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'ENOENT' });
});

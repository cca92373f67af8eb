import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ZipWriter } from './zip-writer.ts';

const AT = Date.parse('2026-11-22T03:14:07Z');
const dir = mkdtempSync(join(tmpdir(), 'vigia-zip-'));
const path = join(dir, 'some.zip');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' });

/** Writes an archive to {@link path}. Chunks of zeros become holes, which take no room on the disk. */
async function write(fill: (zip: ZipWriter) => Promise<void>): Promise<void> {
  const file = openSync(path, 'w');
  let at = 0;
  const zip = new ZipWriter(async (chunk) => {
    if (chunk !== ZEROS) writeSync(file, chunk, 0, chunk.byteLength, at);
    at += chunk.byteLength;
  }, AT);
  await fill(zip);
  ftruncateSync(file, at);
  closeSync(file);
}
const ZEROS = Buffer.alloc(16 * 1024 * 1024);

/** What Python says of the archive: of each file its name, size, offset and time, and its sum where it is asked for. */
function seenByPython(read: string): unknown {
  const code = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    files = [[i.filename, i.file_size, i.header_offset, list(i.date_time), i.compress_type] for i in z.infolist()]
    print(json.dumps([files, z.read(sys.argv[2]).decode()]))`;
  return JSON.parse(run('python3', '-c', code, path, read));
}

test('unzip and Python read files of known and unknown size, empty ones too, with their times and modes', async () => {
  await write(async (zip) => {
    await zip.add('one.txt', 5, async (sink) => {
      await sink(Buffer.from('he'));
      await sink(Buffer.from('llo'));
    });
    await zip.add('stream.jsonl', undefined, (sink) => sink(Buffer.from('{}\n')));
    await zip.add('empty', undefined, async () => undefined);
    await zip.add('none', 0, async () => undefined);
    await zip.end();
  });
  expect(run('unzip', '-t', path)).toContain('No errors detected');
  const time = [2026, 11, 22, 3, 14, 6];
  expect(seenByPython('stream.jsonl')).toEqual([
    [
      ['one.txt', 5, 0, time, 0],
      ['stream.jsonl', 3, 67, time, 0],
      ['empty', 0, 165, time, 0],
      ['none', 0, 253, time, 0],
    ],
    '{}\n',
  ]);
  run('unzip', '-q', path, '-d', join(dir, 'out'));
  expect(readFileSync(join(dir, 'out', 'one.txt'), 'utf8')).toBe('hello');
  const { mode, mtimeMs } = statSync(join(dir, 'out', 'stream.jsonl'));
  // Exact, and in UTC, because of the extended timestamp.
  expect([mode & 0o777, mtimeMs]).toEqual([0o644, AT]);
});

test('an archive without files, and one without its end', async () => {
  await write((zip) => zip.end());
  expect(readFileSync(path).byteLength).toBe(22);
  await write((zip) => zip.add('a', 1, (sink) => sink(Buffer.from('a'))));
  const { status, stdout } = spawnSync('unzip', ['-t', path], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([9, expect.stringContaining('End-of-central-directory')]);
});

test('a file of another size than announced is an error', async () => {
  await expect(write((zip) => zip.add('a', 2, (sink) => sink(Buffer.from('abc'))))).rejects.toThrow(
    'a: 3 bytes came, not 2',
  );
});

test('a file of 4 GiB, and one behind it', { tags: ['full'], timeout: 120_000 }, async () => {
  const chunks = 256;
  const bytes = chunks * ZEROS.byteLength;
  await write(async (zip) => {
    await zip.add('clip.mp4', bytes, async (sink) => {
      for (let i = 0; i < chunks; i += 1) await sink(ZEROS);
    });
    await zip.add('SUMS', 3, (sink) => sink(Buffer.from('sum')));
    await zip.end();
  });
  const time = [2026, 11, 22, 3, 14, 6];
  expect(seenByPython('SUMS')).toEqual([
    [
      ['clip.mp4', bytes, 0, time, 0],
      ['SUMS', 3, bytes + 91, time, 0],
    ],
    'sum',
  ]);
  expect(run('unzip', '-p', path, 'SUMS')).toBe('sum');
});

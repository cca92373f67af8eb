import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeOfAnswer, type Peer } from './peer.ts';
import { packed } from './pictures.ts';
import { COLOUR, type Rig } from './rig.ts';

/** Where a reference may lead, and that nothing else is accessed or revealed. */
export function referenceTests(rig: Rig): void {
  const code = async (reference: string, peer?: Peer): Promise<string | undefined> =>
    codeOfAnswer(await (peer ?? (await rig.connect())).infer(rig.infer({ frame_reference: reference })));

  test('a file below an allowed folder is looked at, also through a link that stays inside', async () => {
    const peer = await rig.connect();
    const inside = rig.files.plain(packed('RGB24', 8, 8, COLOUR), 1, join(rig.files.allowed, 'frame'));
    rig.seen(await peer.infer(rig.infer({}, inside)));
    const link = rig.files.path('link-inside');
    symlinkSync(rig.plain().frame_reference, link);
    rig.seen(await peer.infer(rig.infer({ frame_reference: link })));
  });

  test('frame_not_found: nothing is there', async () => {
    expect(await code(rig.files.path('nothing'))).toBe('frame_not_found');
    expect(await code(join(rig.files.allowed, 'nothing'))).toBe('frame_not_found');
  });

  test.each([
    ['/etc/hostname', 'outside'],
    ['/nonexistent/x', 'outside, and missing: not revealed'],
    ['/dev/shmx/frame', 'outside, with a name that begins alike'],
    ['frame', 'not absolute'],
    ['./dev/shm/frame', 'not absolute'],
    ['/dev/shm', 'the folder itself'],
    ['/dev/shm/', 'the folder itself'],
    ['/dev/shm/../shm/frame', 'with ".."'],
    ['/dev/shm/../../etc/hostname', 'with ".."'],
    ['//etc/hostname', 'with two slashes'],
    ['/dev/shm/frame\u0000.rgb', 'with a NUL'],
    ['/dev/shm/\ud800', 'with half a pair'],
  ])('frame_invalid or nothing: %j is %s', async (reference, why) => {
    const found = await code(reference);
    // Names that no file can have may count as missing files.
    if (why.startsWith('with half')) expect(['frame_invalid', 'frame_not_found', 'bad_request']).toContain(found);
    else expect(found).toBe('frame_invalid');
  });

  test('frame_invalid: a link that leads outside, whether there is something or not', async () => {
    const [there, nowhere] = [rig.files.path('link-there'), rig.files.path('link-nowhere')];
    symlinkSync('/etc/passwd', there);
    symlinkSync('/etc/nothing-is-here', nowhere);
    expect([await code(there), await code(nowhere)]).toEqual(['frame_invalid', 'frame_invalid']);
  });

  test('frame_invalid: below a link to a folder outside, whether there is something or not', async () => {
    const folder = rig.files.path('link-folder');
    symlinkSync('/etc', folder);
    expect(await code(join(folder, 'passwd'))).toBe('frame_invalid');
    expect(await code(join(folder, 'nothing-is-here'))).toBe('frame_invalid');
  });

  test('frame_invalid: what is no regular file, without waiting for it', async () => {
    const [fifo, folder] = [rig.files.path('fifo'), rig.files.path('folder')];
    execFileSync('mkfifo', [fifo]);
    mkdirSync(folder);
    const loop = rig.files.path('loop');
    symlinkSync(basename(loop), loop);
    expect([await code(fifo), await code(folder), await code(loop)]).toEqual(Array(3).fill('frame_invalid'));
  });

  describe('frame_invalid: a file that is not one packed frame', () => {
    test.each([0, 1, 191, 193, 4096])('of %i bytes', async (bytes) => {
      const path = rig.files.path(`bytes-${bytes}`);
      writeFileSync(path, Buffer.alloc(bytes));
      expect(await code(path)).toBe('frame_invalid');
    });

    test('of another size than announced, however large', async () => {
      const peer = await rig.connect();
      const { frame_reference, frame_metadata } = rig.plain();
      for (const size of [{ width: 7 }, { height: 9 }, { width: 16_384, height: 16_384 }, { format: 'GRAY8' }]) {
        const answer = await peer.infer(
          rig.infer({}, { frame_reference, frame_metadata: { ...frame_metadata, ...size } }),
        );
        expect(codeOfAnswer(answer)).toBe('frame_invalid');
      }
    });

    test('with lines that are not packed', async () => {
      const peer = await rig.connect();
      const { frame_reference, frame_metadata } = rig.plain();
      const answer = (strides: number[]): object =>
        rig.infer({}, { frame_reference, frame_metadata: { ...frame_metadata, strides } });
      expect(codeOfAnswer(await peer.infer(answer([32])))).toBe('frame_invalid');
      rig.seen(await peer.infer(answer([24])));
    });
  });
}

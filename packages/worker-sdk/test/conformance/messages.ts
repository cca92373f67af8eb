import { sleep, systemClock } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { messageBytes } from '../support/process-host.ts';
import { BRIGHT, DARK, picture } from './pictures.ts';
import { expectAnswer, type Rig } from './rig.ts';

/** The edges of every integer encoding, in order; a camera at 30 fps reaches the fifth size after four years. */
const SEQUENCE = [1, 2, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, 2 ** 53 - 1];
const FRAMES = 300;
/** By then everything is mapped and every module loaded. */
const WARM = 30;

/** Messages as bytes, and the process behind the pipes. */
export function messageTests(rig: Rig): void {
  const { transport, can } = rig.subject;

  test('sequence numbers have gaps, and more than 32 bits', async () => {
    const worker = await rig.startProcess();
    for (const seq of SEQUENCE) {
      worker.seq = seq - 1;
      await rig.answers(worker, worker.frame(BRIGHT), BRIGHT);
    }
  });

  test('fields that are not known are ignored, of any kind', async () => {
    const worker = await rig.shared();
    const unknown = { text: 'x'.repeat(5_000), map: { list: [1, -2.5, null, true] }, bytes: new Uint8Array(300) };
    const frame = worker.frame(BRIGHT);
    const ref = frame['ref'] === undefined ? {} : { ref: { ...(frame['ref'] as object), ...unknown } };
    // Before, inside and after the known fields.
    await rig.answers(worker, { ...unknown, ...frame, ...ref, one_more: 1 }, BRIGHT);
    await rig.works(worker);
  });

  test('messages of a type that is not known are ignored', async () => {
    const worker = await rig.shared();
    worker.host.send({ type: 'weather', sun: true });
    await rig.works(worker);
  });

  test('a message that the host did not finish is the end of the host', async () => {
    const worker = await rig.startProcess();
    await rig.works(worker);
    worker.host.child.stdin.end(messageBytes(worker.frame(BRIGHT)).subarray(0, -1));
    expect(await rig.ends(worker)).toEqual([]);
  });

  test(`${FRAMES} frames leave no descriptor and no map behind`, async () => {
    const worker = await rig.startProcess();
    let warm = 0;
    for (let i = 1; i <= FRAMES; i += 1) {
      // Ten successive segments under one path.
      if (i % WARM === 1) worker.dropSegment('frames');
      await rig.sees(worker, i % 2 ? BRIGHT : DARK);
      if (i === WARM) warm = worker.host.descriptors;
    }
    expect(worker.host.descriptors).toBe(warm);
    // Anonymous mappings belong to the interpreter.
    expect(worker.host.segmentMaps).toBeLessThanOrEqual(1);
  });

  test.runIf(can.print)('what it prints is in its log, and not among its messages', async () => {
    const worker = await rig.startProcess({ options: { print: true } });
    await rig.works(worker);
    worker.stop();
    expect(await rig.ends(worker)).toEqual([]);
    for (const text of ['printed while loading', 'printed with frame 1', 'printed with frame 2, in other words'])
      expect(worker.host.stderr).toContain(text);
  });

  if (transport !== 'stdin') return;
  describe('pixels behind them', () => {
    test('a frame in small pieces, with pauses', async () => {
      const worker = await rig.shared();
      const frame = worker.frame(BRIGHT);
      const bytes = messageBytes(frame);
      for (let at = 0; at < bytes.byteLength; at += 5) {
        worker.host.child.stdin.write(bytes.subarray(at, at + 5));
        await sleep(systemClock, 1);
      }
      expectAnswer(await worker.next(), frame.seq, BRIGHT);
      await rig.works(worker);
    });

    test('a frame in two halves, with the beginning of the next one behind it', async () => {
      const large = picture('RGB24', 640, 360, 30);
      const worker = await rig.shared();
      const [first, second] = [worker.frame(large), worker.frame(BRIGHT)];
      const { stdin } = worker.host.child;
      stdin.write(messageBytes(first).subarray(0, 300_000));
      await sleep(systemClock, 5);
      stdin.write(Buffer.concat([messageBytes(first).subarray(300_000), messageBytes(second).subarray(0, 3)]));
      expectAnswer(await worker.next(), first.seq, large);
      stdin.write(messageBytes(second).subarray(3));
      expectAnswer(await worker.next(), second.seq, BRIGHT);
    });

    test('JPEG is answered, here by an error, and the next frame is looked at', async () => {
      const worker = await rig.shared();
      await rig.refuses(worker, { ...worker.frame(BRIGHT), format: 'JPEG', data: Uint8Array.of(0xff, 0xd8) });
      await rig.works(worker);
    });
  });
}

import { sleep, systemClock } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { dataFrame } from '../support/frames.ts';
import { messageBytes } from '../support/process-host.ts';
import { BRIGHT, DARK, picture } from './pictures.ts';
import { expectAnswer, expectError, type Rig } from './rig.ts';

/** Numbers as cameras that run for long come to, with the edges of every encoding of an integer. */
const SEQUENCE = [1, 2, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 4_294_967_303, 2 ** 53 - 1];
const FRAMES = 300;
/** Everything is mapped, and every module loaded, by then. */
const WARM = 30;

/** Messages as bytes, and the process behind the pipes. */
export function messageTests(rig: Rig): void {
  const { transport, can } = rig.subject;

  test('sequence numbers have gaps, and more than 32 bits', async () => {
    const worker = await rig.startProcess();
    for (const seq of SEQUENCE) {
      worker.host.send(worker.frame(seq, BRIGHT));
      expectAnswer(await worker.next(), seq, BRIGHT);
    }
  });

  test('fields that are not known are ignored, of any kind', async () => {
    const worker = await rig.startProcess();
    const unknown = { a_text: 'x'.repeat(5_000), a_map: { a: [1, -2.5, null, true] }, some_bytes: new Uint8Array(300) };
    const frame = worker.frame(1, BRIGHT);
    const ref = frame['ref'] === undefined ? {} : { ref: { ...(frame['ref'] as object), ...unknown } };
    // In front of what is known and behind it.
    worker.host.send({ ...unknown, ...frame, ...ref, one_more: 1 });
    expectAnswer(await worker.next(), 1, BRIGHT);
    await rig.works(worker);
  });

  test.runIf(can.skipsUnknownMessages)('messages of a type that is not known are ignored', async () => {
    const worker = await rig.startProcess();
    worker.host.send({ type: 'weather', sun: true });
    await rig.works(worker);
  });

  test('several messages that come as one are several', async () => {
    const worker = await rig.startProcess();
    const stop = messageBytes({ type: 'stop' });
    worker.host.child.stdin.write(Buffer.concat([messageBytes(worker.frame(1, DARK)), stop]));
    for (const said of await rig.ends(worker)) expectAnswer(said, 1, DARK);
  });

  test('a message that the host did not finish is the end of the host', async () => {
    const worker = await rig.startProcess();
    await rig.works(worker);
    worker.host.child.stdin.end(messageBytes(worker.frame(3, BRIGHT)).subarray(0, -1));
    expect(await rig.ends(worker)).toEqual([]);
  });

  test('300 frames leave no descriptor and no map behind', async () => {
    const worker = await rig.startProcess();
    let warm = 0;
    for (let seq = 1; seq <= FRAMES; seq += 1) {
      // Ten segments, one after another under one path.
      if (seq % WARM === 1) worker.dropSegment('a');
      worker.host.send(worker.frame(seq, seq % 2 ? BRIGHT : DARK));
      expectAnswer(await worker.next(), seq, seq % 2 ? BRIGHT : DARK);
      if (seq === WARM) warm = worker.host.descriptors;
    }
    expect(worker.host.descriptors).toBe(warm);
    // Anonymous ones are the interpreter's own affair.
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

  describe.runIf(transport === 'stdin')('on standard input', () => {
    test('a frame in small pieces, with pauses', async () => {
      const worker = await rig.startProcess();
      const bytes = messageBytes(worker.frame(1, BRIGHT));
      for (let at = 0; at < bytes.byteLength; at += 5) {
        worker.host.child.stdin.write(bytes.subarray(at, at + 5));
        await sleep(systemClock, 1);
      }
      expectAnswer(await worker.next(), 1, BRIGHT);
      await rig.works(worker);
    });

    test('a frame in two halves, with another one’s beginning behind it', async () => {
      const large = picture('RGB24', 640, 360, 30);
      const worker = await rig.startProcess({ input: large });
      const [first, second] = [messageBytes(worker.frame(1, large)), messageBytes(worker.frame(2, BRIGHT))];
      worker.host.child.stdin.write(first.subarray(0, 300_000));
      await sleep(systemClock, 5);
      worker.host.child.stdin.write(Buffer.concat([first.subarray(300_000), second.subarray(0, 3)]));
      expectAnswer(await worker.next(), 1, large);
      worker.host.child.stdin.write(second.subarray(3));
      expectAnswer(await worker.next(), 2, BRIGHT);
    });

    test('JPEG is answered, here by an error, and the next frame is looked at', async () => {
      const worker = await rig.startProcess();
      const jpeg = { ...dataFrame(1, { format: 'GRAY8', width: 16, height: 4 }, Uint8Array.of(0xff, 0xd8)), format: 'JPEG' };
      worker.host.send(jpeg);
      expectError(await worker.next(), 1);
      await rig.works(worker);
    });
  });
}

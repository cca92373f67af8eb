import { expect, test } from 'vitest';
import { BRIGHT, picture } from './pictures.ts';
import type { Rig } from './rig.ts';

/** A worker exits by itself, with code 0, within the second after which a host sends signals. */
export function endingTests(rig: Rig): void {
  test('stop, before any frame', async () => {
    const worker = await rig.start();
    worker.stop();
    expect(await rig.ends(worker)).toEqual([]);
  });

  test('the end of the input', async () => {
    const worker = await rig.start();
    await rig.works(worker);
    worker.hangUp();
    expect(await rig.ends(worker)).toEqual([]);
  });

  test('stop while a frame is out: it is answered once at most', async () => {
    const large = picture('RGB24', 1280, 720, 100);
    const worker = await rig.start({ input: large });
    const seq = worker.give(large);
    worker.stop();
    const said = await rig.ends(worker);
    expect([[], [seq]]).toContainEqual(said.map((message) => message.type === 'result' && message.seq));
  });

  test('both at once, as hosts do it, while a frame is out', async () => {
    const worker = await rig.start();
    worker.give(BRIGHT);
    worker.stop();
    worker.hangUp();
    expect((await rig.ends(worker)).length).toBeLessThanOrEqual(1);
  });
}

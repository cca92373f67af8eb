import { truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeOfAnswer } from './peer.ts';
import { type Colour, packed, type Reference } from './pictures.ts';
import { COLOUR, type Rig } from './rig.ts';

const OTHER: Colour = [10, 20, 250];
const SLOT_BYTES = 8 * 8 * 3;

function changed({ frame_reference, frame_metadata }: Reference, more: object): Reference {
  return { frame_reference, frame_metadata: { ...frame_metadata, ...more } };
}

/** Pictures in frame segments (docs/protocol/frame-segment.md). */
export function slotTests(rig: Rig): void {
  const picture = packed('RGB24', 8, 8, COLOUR);

  test('a slot is looked at; written again, the old reference has expired and the new one is right', async () => {
    const peer = await rig.connect();
    const segment = rig.files.segment('again', SLOT_BYTES);
    const first = segment.put(2, picture, 5);
    const answer = await peer.infer(rig.infer({ request_id: 'r' }, first));
    rig.seen(answer);
    expect(answer).toMatchObject({ request_id: 'r', frame_id: 5 });
    const second = segment.put(2, packed('RGB24', 8, 8, OTHER), 6);
    expect(codeOfAnswer(await peer.infer(rig.infer({}, first)))).toBe('frame_expired');
    rig.seen(await peer.infer(rig.infer({}, second)), OTHER);
    segment.close();
  });

  test('frame_expired: while the slot is being written', async () => {
    const peer = await rig.connect();
    const segment = rig.files.segment('writing', SLOT_BYTES);
    const reference = segment.put(1, picture, 1);
    segment.writer.begin(1);
    expect(codeOfAnswer(await peer.infer(rig.infer({}, reference)))).toBe('frame_expired');
    segment.close();
  });

  test('frame_expired: another epoch; a successor of the same name is found', async () => {
    const peer = await rig.connect();
    const first = rig.files.segment('successor', SLOT_BYTES);
    const old = first.put(0, picture, 1);
    rig.seen(await peer.infer(rig.infer({}, old)));
    first.close();
    const next = rig.files.segment('successor', SLOT_BYTES);
    const reference = next.put(0, packed('RGB24', 8, 8, OTHER), 1);
    rig.seen(await peer.infer(rig.infer({}, reference)), OTHER);
    expect(codeOfAnswer(await peer.infer(rig.infer({}, old)))).toBe('frame_expired');
    rig.seen(await peer.infer(rig.infer({}, reference)), OTHER);
    const wrong = { epoch: String(next.writer.epoch + 2n) };
    expect(codeOfAnswer(await peer.infer(rig.infer({}, changed(reference, wrong))))).toBe('frame_expired');
    next.close();
  });

  test('frame_expired: a generation that is yet to come, or of 64 bits', async () => {
    const peer = await rig.connect();
    const segment = rig.files.segment('future', SLOT_BYTES);
    const reference = segment.put(0, picture, 1);
    for (const generation of ['1000', '4294967298', '18446744073709551614']) {
      const answer = await peer.infer(rig.infer({}, changed(reference, { generation })));
      expect([generation, codeOfAnswer(answer)]).toEqual([generation, 'frame_expired']);
    }
    segment.close();
  });

  test('frame_invalid: no such slot, an impossible generation, or half of a slot’s fields', async () => {
    const peer = await rig.connect();
    const segment = rig.files.segment('nonsense', SLOT_BYTES);
    const reference = segment.put(0, picture, 1);
    const nonsense = [
      { slot: 4 },
      { slot: 4095 },
      { generation: '0' },
      { generation: '3' },
      { generation: undefined },
      { epoch: undefined },
      { width: 4 },
      { width: 16_384, height: 16_384 },
      { format: 'GRAY8' },
      { frame_id: 2 },
      { strides: [25] },
    ];
    for (const wrong of nonsense) {
      const answer = await peer.infer(rig.infer({}, changed(reference, wrong)));
      expect([wrong, codeOfAnswer(answer)]).toEqual([wrong, 'frame_invalid']);
    }
    rig.seen(await peer.infer(rig.infer({}, reference)));
    segment.close();
  });

  test('frame_not_found: the segment is gone', async () => {
    const peer = await rig.connect();
    const segment = rig.files.segment('gone', SLOT_BYTES);
    const reference = segment.put(0, picture, 1);
    segment.close();
    expect(codeOfAnswer(await peer.infer(rig.infer({}, reference)))).toBe('frame_not_found');
  });

  test('frame_invalid: a file that is no segment, or not all of one', async () => {
    const peer = await rig.connect();
    const slot = { slot: 0, generation: '2', epoch: '1' };
    for (const bytes of [0, 1, 4095, 4096, 20_000]) {
      const path = rig.files.path(`no-segment-${bytes}`);
      writeFileSync(path, Buffer.alloc(bytes, 'x'));
      const answer = await peer.infer(rig.infer({}, changed({ ...rig.plain(), frame_reference: path }, slot)));
      expect([bytes, codeOfAnswer(answer)]).toEqual([bytes, 'frame_invalid']);
    }
    const segment = rig.files.segment('short', SLOT_BYTES);
    const reference = segment.put(3, picture, 1);
    segment.writer.close();
    writeFileSync(segment.writer.path, Buffer.alloc(8192));
    truncateSync(segment.writer.path, 4096);
    expect(codeOfAnswer(await peer.infer(rig.infer({}, reference)))).toBe('frame_invalid');
  });
}

import { encodeFrame, encodeJson, LENGTH_BYTES } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { codeOfAnswer } from './peer.ts';
import type { Rig } from './rig.ts';

const HEALTH = { op: 'health', request_id: 'h' };

/** A `health` request of an exact length, padded by an unknown field. */
function healthOf(bytes: number): Buffer {
  const bare = JSON.stringify({ ...HEALTH, padding: '' });
  return encodeJson({ ...HEALTH, padding: 'x'.repeat(bytes - bare.length) });
}

/** A length prefix without its message. */
function announced(bytes: number): Buffer {
  const out = Buffer.alloc(LENGTH_BYTES);
  out.writeUInt32BE(bytes);
  return out;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const UNREADABLE: readonly (readonly [string, Buffer])[] = [
  ['no bytes at all', encodeFrame(Buffer.alloc(0))],
  ['no JSON', encodeFrame(Buffer.from('{'))],
  ['words', encodeFrame(Buffer.from('hello'))],
  ['two values', encodeFrame(Buffer.from('{} {}'))],
  ['a list', encodeJson([HEALTH])],
  ['a text', encodeJson('health')],
  ['a number', encodeJson(7)],
  ['null', encodeJson(null)],
  ['no UTF-8', encodeFrame(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
  ['a number that JSON does not know', encodeFrame(Buffer.from('{"op":"health","request_id":"h","x":NaN}'))],
  ['UTF-16', encodeFrame(Buffer.from(JSON.stringify(HEALTH), 'utf16le'))],
  ['a length above 1 MiB', announced(CONTAINER_MESSAGE_LIMIT + 1)],
  ['a length above 2 GiB', announced(0xff_ff_ff_ff)],
];

/** Cutting messages out of a stream, and input that is not a message. */
export function framingTests(rig: Rig): void {
  test('a message may come byte by byte', async () => {
    const peer = await rig.connect();
    for (const byte of encodeJson(HEALTH)) {
      await peer.write(Uint8Array.of(byte));
      await turn();
    }
    expect(await peer.next()).toMatchObject({ request_id: 'h', state: 'ready' });
  });

  test('several messages may come in one write, cut anywhere', async () => {
    const all = Buffer.concat(['a', 'b', 'c', 'd'].map((id) => encodeJson({ ...HEALTH, request_id: id })));
    for (const cut of [1, 3, 4, 5, all.length / 2, all.length - 1].map(Math.floor)) {
      const peer = await rig.connect();
      await peer.write(all.subarray(0, cut));
      await turn();
      await peer.write(all.subarray(cut));
      await peer.answersTo('a', 'b', 'c', 'd');
    }
  });

  test('a message of exactly 1 MiB is read', async () => {
    const peer = await rig.connect();
    await peer.write(healthOf(CONTAINER_MESSAGE_LIMIT));
    expect(await peer.next()).toMatchObject({ request_id: 'h', state: 'ready' });
  });

  test.each(UNREADABLE)('%s is answered with bad_request, and the connection ends', async (_, bytes) => {
    const peer = await rig.connect();
    await peer.write(bytes);
    const answer = await peer.next();
    expect(answer).toMatchObject({ camera_id: '', frame_id: 0, detections: null, error: { code: 'bad_request' } });
    expect(answer).not.toHaveProperty('request_id');
    await peer.closedByContainer();
  });

  test('what came before the unreadable is answered', async () => {
    const peer = await rig.connect();
    await peer.write(Buffer.concat([encodeJson(HEALTH), announced(CONTAINER_MESSAGE_LIMIT + 1)]));
    expect(await peer.next()).toMatchObject({ request_id: 'h', state: 'ready' });
    expect(codeOfAnswer(await peer.next())).toBe('bad_request');
    await peer.closedByContainer();
  });

  test('half a message and the end: nothing is answered, the connection ends', async () => {
    for (const bytes of [announced(0).subarray(0, 2), announced(100), encodeJson(HEALTH).subarray(0, 20)]) {
      const peer = await rig.connect();
      await peer.write(bytes);
      peer.end();
      await peer.closedByContainer();
    }
  });

  test('half a message delays no other peer', async () => {
    const [half, peer] = [await rig.connect(), await rig.connect()];
    const message = encodeJson({ ...HEALTH, request_id: 'late' });
    await half.write(message.subarray(0, 10));
    rig.seen(await peer.infer(rig.infer()));
    await half.write(message.subarray(10));
    expect(await half.next()).toMatchObject({ request_id: 'late' });
  });
}

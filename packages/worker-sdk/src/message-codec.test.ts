import { readFileSync } from 'node:fs';
import { Encoder } from '@msgpack/msgpack';
import { encodeFrame } from '@vigia/base';
import { type FromWorker, WORKER_MESSAGE_LIMIT } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from './message-codec.ts';

interface Vector {
  readonly name: string;
  readonly direction: string;
  readonly json: { readonly type: string };
  readonly bytes_hex: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/protocol/vectors/worker-messages.json', import.meta.url), 'utf8'),
) as readonly Vector[];

/** `{"$bytes": hex}` stands for the bytes. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value) return Uint8Array.from(Buffer.from(String(value.$bytes), 'hex'));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

describe('the golden vectors', () => {
  test.each(vectors.map((v) => [v.name, v] as const))('%s', (_name, { direction, json, bytes_hex: hex }) => {
    const bytes = Buffer.from(hex, 'hex');
    const decoded = decodeMessage(bytes.subarray(4));
    // Bytes are views of the message, of any class.
    const plain = 'data' in decoded && Buffer.isBuffer(decoded.data) ? { data: Uint8Array.from(decoded.data) } : {};
    expect({ ...decoded, ...plain }).toEqual(revive(json));
    const encoded =
      direction === 'from_worker' ? encodeMessage(json as FromWorker) : encodeFrame(new Encoder().encode(revive(json)));
    expect(encoded.toString('hex')).toBe(hex);
  });
});

test('what is left out is not said', () => {
  const bytes = encodeMessage({ type: 'result', seq: 1, detections: undefined, data: undefined });
  expect(Object.keys(decodeMessage(bytes.subarray(4)))).toEqual(['type', 'seq']);
});

test('a message at the limit goes out, a longer one does not', () => {
  const text = (length: number): FromWorker => ({ type: 'log', level: 'info', message: 'x'.repeat(length) });
  const overhead = encodeMessage(text(100_000)).byteLength - 4 - 100_000;
  expect(encodeMessage(text(WORKER_MESSAGE_LIMIT - overhead)).byteLength).toBe(WORKER_MESSAGE_LIMIT + 4);
  expect(() => encodeMessage(text(WORKER_MESSAGE_LIMIT - overhead + 1))).toThrow(
    expect.objectContaining({ code: 'bad_result' }),
  );
});

test('what is nested too deeply is refused, and the next message goes out', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 200; i += 1) deep = [deep];
  expect(() => encodeMessage({ type: 'result', seq: 1, data: deep })).toThrow(
    expect.objectContaining({ code: 'bad_result' }),
  );
  expect(encodeMessage({ type: 'heartbeat' }).byteLength).toBeGreaterThan(4);
});

test.each([
  ['no MessagePack', 'c1'],
  ['a text', 'a3616263'],
  ['a list', '93010203'],
  ['a map without a type', '81a16101'],
  ['a map that ends early', '82a474797065a473746f70'],
  ['more than one value', '81a474797065a473746f7001'],
])('%s is a bad message', (_what, hex) => {
  expect(() => decodeMessage(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'bad_message' }));
});

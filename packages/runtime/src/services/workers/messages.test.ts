import { readFileSync } from 'node:fs';
import { decode, encode } from '@msgpack/msgpack';
import { encodeFrame } from '@vigia/base';
import { type FromWorker, WORKER_MESSAGE_LIMIT } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { encodeMessage, frameHead, type FrameHeader } from './frame-message.ts';
import { checkedMessage, WorkerMessages } from './worker-messages.ts';

interface Vector {
  readonly name: string;
  readonly direction: 'to_worker' | 'from_worker';
  readonly json: Record<string, unknown>;
  readonly bytes_hex: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../../../../../docs/protocol/vectors/worker-messages.json', import.meta.url), 'utf8'),
) as readonly Vector[];

function read(bytes: Buffer): FromWorker[] {
  const out: FromWorker[] = [];
  new WorkerMessages().push(bytes, 0, (message) => out.push(message));
  return out;
}

const READY = { type: 'ready', protocol: 1, name: 'w' };

describe('messages from workers', () => {
  test.each(VECTORS.filter((v) => v.direction === 'from_worker'))('vector: $name', ({ json, bytes_hex }) => {
    expect(read(Buffer.from(bytes_hex, 'hex'))).toEqual([checkedMessage(json)]);
  });

  test('a byte at a time, and several at once', () => {
    const bytes = Buffer.concat([encodeMessage(READY), encodeMessage({ type: 'heartbeat' })]);
    const messages = new WorkerMessages();
    const types: string[] = [];
    for (const byte of bytes) messages.push(Buffer.from([byte]), 0, (m) => types.push(m.type));
    expect(types).toEqual(['ready', 'heartbeat']);
    expect(read(bytes)).toHaveLength(2);
  });

  test.each([
    ['text', Buffer.from('Loading model...\n'), /text on standard output \("Loading model\.\.\."\)/],
    ['a length that is too long', Buffer.from([0x7f, 0, 0, 0, 1]), /more than 1048576 bytes/],
    ['no MessagePack', encodeFrame(Buffer.from([0xc1])), /no MessagePack/],
    [
      'a message and a half byte too many',
      encodeFrame(Buffer.concat([encode(READY), Buffer.from([0])])),
      /no MessagePack/,
    ],
    ['no map', encodeMessage([1, 2]), /a message without a type/],
    ['an unknown type', encodeMessage({ type: 'hello' }), /"hello"/],
    ['a result without a number', encodeMessage({ type: 'result' }), /result.*seq/],
    [
      'a box outside',
      encodeMessage(result({ detections: [{ class_id: 0, class_name: 'a', confidence: 1, bbox: [0, 0, 2, 1] }] })),
      /detections\.0\.bbox\.2/,
    ],
    ['bytes in data', encodeMessage(result({ data: { a: new Uint8Array(3) } })), /bytes or times/],
    ['endless data', encodeMessage(result({ data: 'x'.repeat(300_000) })), /300002 bytes/],
    ['not a number in data', encodeMessage(result({ data: Number.NaN })), /NaN/],
    ['deep data', encodeMessage(result({ data: deep(30) })), /nested deeper/],
  ])('%s is a protocol error', (_, bytes, sentence) => {
    expect(() => read(bytes)).toThrow(sentence);
  });

  test('messages before the broken one are delivered', () => {
    const heard: string[] = [];
    const bytes = Buffer.concat([encodeMessage(READY), Buffer.from('oops, a print')]);
    expect(() => new WorkerMessages().push(bytes, 0, (m) => heard.push(m.type))).toThrow(/more than|text/);
    expect(heard).toEqual(['ready']);
  });

  test('2000 messages in a second are allowed, one more is a flood; the next second starts at 0', () => {
    const messages = new WorkerMessages();
    const beat = encodeMessage({ type: 'heartbeat' });
    const say = (times: number, nowMs: number): void => {
      for (let i = 0; i < times; i += 1) messages.push(beat, nowMs, () => undefined);
    };
    say(2_000, 0);
    say(2_000, 1_000);
    expect(() => say(1, 1_999)).toThrow(/more than 2000 messages in a second/);
  });

  test('a message of exactly the limit is read', () => {
    const overhead = encode({ type: 'log', level: 'info', message: 'x'.repeat(70_000) }).byteLength - 70_000;
    const message = 'x'.repeat(WORKER_MESSAGE_LIMIT - overhead);
    expect(read(encodeMessage({ type: 'log', level: 'info', message }))).toHaveLength(1);
    expect(() => read(encodeMessage({ type: 'log', level: 'info', message: `${message}x` }))).toThrow(/more than/);
  });
});

describe('messages to workers', () => {
  test.each(VECTORS.filter((v) => v.direction === 'to_worker'))('vector: $name', ({ json, bytes_hex }) => {
    const { data, ...header } = json as Record<string, unknown> & { data?: { $bytes: string } };
    const pixels = data && Buffer.from(data.$bytes, 'hex');
    const { byteLength = 0 } = pixels ?? {};
    const bytes = pixels
      ? Buffer.concat([frameHead(header as unknown as FrameHeader, byteLength), pixels])
      : encodeMessage(json);
    // Binary data has three forms of length; the supplier uses the longest for every size.
    if (pixels)
      expect(new Map(Object.entries(decoded(bytes)))).toEqual(
        new Map(Object.entries(decoded(Buffer.from(bytes_hex, 'hex')))),
      );
    else expect(bytes.toString('hex')).toBe(bytes_hex);
  });
});

function decoded(bytes: Buffer): Record<string, unknown> {
  expect(bytes.readUInt32BE(0)).toBe(bytes.byteLength - 4);
  return decode(bytes.subarray(4)) as Record<string, unknown>;
}

function result(more: object): object {
  return { type: 'result', seq: 1, ...more };
}

function deep(levels: number): unknown {
  return levels === 0 ? 1 : [deep(levels - 1)];
}

test('an error about a message quotes little of it, and nothing that a terminal acts on', () => {
  const errorOf = (message: unknown): string => {
    try {
      checkedMessage(message);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  for (const bad of [{ type: 'a\u001b[2J\nb' }, { type: 'x'.repeat(900_046) }]) {
    expect(errorOf(bad)).not.toMatch(/[\p{Cc}\p{Cf}]|^accepted/u);
    expect(errorOf(bad).length).toBeLessThanOrEqual(300);
  }
});

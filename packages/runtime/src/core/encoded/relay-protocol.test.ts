import { FrameDecoder } from '@vigia/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TappedVideo } from './encoded-tap.ts';
import {
  decodeRelayed,
  decodeWish,
  encodeLine,
  encodeSoundHead,
  encodeUnitHead,
  RELAY_MESSAGE_LIMIT,
} from './relay-protocol.ts';

const time = fc.double({ min: 0, max: 1e12, noNaN: true });
const unit: fc.Arbitrary<TappedVideo> = fc
  .record({
    data: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    ptsMs: fc.double({ min: -1e12, max: 1e12, noNaN: true }),
    arrivedMs: time,
    latenessMs: time,
    hiddenMs: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
    keyframe: fc.boolean(),
    damaged: fc.boolean(),
    afterLoss: fc.boolean(),
    reference: fc.boolean(),
    recovery: fc.option(fc.record({ references: fc.integer({ min: 1, max: 65_535 }), pictures: fc.nat(65_535) }), {
      nil: undefined,
    }),
    doubt: fc.constantFrom(undefined, 'unproved' as const, 'repeated' as const),
  })
  .map((one) => Object.assign(one, { measured: { latenessMs: one.latenessMs, hiddenMs: one.hiddenMs } }));

test('every unit arrives as it was, in whatever pieces', () => {
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 5 }),
      fc.nat(0xff_ff_ff_ff),
      fc.integer({ min: 1, max: 90 }),
      (units, lost, piece) => {
        const bytes = Buffer.concat(units.flatMap((one) => [encodeUnitHead(one, lost), one.data]));
        const decoder = new FrameDecoder(RELAY_MESSAGE_LIMIT);
        const messages: Buffer[] = [];
        for (let at = 0; at < bytes.byteLength; at += piece)
          messages.push(...decoder.push(Buffer.from(bytes.subarray(at, at + piece))));
        expect(messages.map(decodeRelayed)).toEqual(units.map((one) => ({ unit: one, lostPackets: lost })));
      },
    ),
  );
});

test('sound arrives as it was, in pieces of any size; a unit beyond the bound is not sent', () => {
  const sound = fc.record({
    data: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    ptsMs: fc.double({ min: -1e12, max: 1e12, noNaN: true }),
    arrivedMs: time,
  });
  fc.assert(
    fc.property(fc.array(sound, { maxLength: 5 }), fc.integer({ min: 1, max: 90 }), (units, piece) => {
      const bytes = Buffer.concat(units.flatMap((one) => [encodeSoundHead(one)!, one.data]));
      const decoder = new FrameDecoder(RELAY_MESSAGE_LIMIT);
      const messages: Buffer[] = [];
      for (let at = 0; at < bytes.byteLength; at += piece)
        messages.push(...decoder.push(Buffer.from(bytes.subarray(at, at + piece))));
      expect(messages.map(decodeRelayed)).toEqual(units.map((one) => ({ sound: one })));
    }),
  );
  const of = (bytes: number): Buffer | undefined =>
    encodeSoundHead({ data: Buffer.alloc(bytes), ptsMs: 1, arrivedMs: 2 });
  expect([of(0), of(65_535)?.byteLength, of(65_536)]).toEqual([undefined, 4 + 17, undefined]);
});

test('lines arrive as they were, a format with its bytes', () => {
  const format = {
    kind: 'rtsp',
    transport: 'tcp',
    codec: 'h264',
    extradata: Buffer.from([0, 0, 0, 1, 0x67]),
    raw: undefined,
    audio: { codec: 'aac', sampleRate: 16_000, channels: 1, config: Buffer.from([0x14, 0x08]) },
    live: true,
  } as const;
  const down = { type: 'down', n: 3, reason: 'refused', message: 'no', retryInMs: null } as const;
  for (const line of [{ type: 'format', format }, { type: 'connecting' }, down] as const)
    expect(decodeRelayed(encodeLine(line).subarray(4))).toEqual({ line });
  expect(decodeWish(encodeLine({ type: 'reconnect', message: 'blind' }).subarray(4))).toEqual({
    type: 'reconnect',
    message: 'blind',
  });
  for (const type of ['demand', 'sound'] as const)
    expect(decodeWish(encodeLine({ type, wanted: true }).subarray(4))).toEqual({ type, wanted: true });
});

test('what does not follow the protocol is nothing', () => {
  for (const bytes of [[], [0], [1], [2, 3], [...Buffer.from('\0{"type":"x"}')], Array.from({ length: 42 }, () => 1)])
    expect(decodeRelayed(Buffer.from(bytes))).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeRelayed(Buffer.from(bytes))));
  const sound = Buffer.concat([
    encodeSoundHead({ data: Buffer.of(7), ptsMs: 1, arrivedMs: 2 })!.subarray(4),
    Buffer.of(7),
  ]);
  const nan = Buffer.from(sound);
  nan.writeDoubleBE(Number.NaN, 1);
  for (const bytes of [sound.subarray(0, -1), nan, Buffer.concat([sound, Buffer.alloc(65_535)])])
    expect(decodeRelayed(bytes)).toBeUndefined();
  for (const json of ['{"type":"reconnect"}', '{"type":"sound"}', '{"type":"sound","wanted":1}'])
    expect(decodeWish(Buffer.from(`\0${json}`))).toBeUndefined();
});

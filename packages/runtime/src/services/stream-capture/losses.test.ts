import { createLog, FakeClock } from '@vigia/base';
import { type Clip, seededRandom32 } from '@vigia/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SourceOptions } from '#core/media';
import {
  type Encoder,
  encoded,
  packetsOf,
  Receiver,
  reference,
  type Sending,
  smeared,
} from '../../../test/support/camera-stream.ts';
import { StreamCapture } from './stream-capture.ts';

const ENCODERS: readonly Encoder[] = [
  'h264',
  'h264Slices',
  'h264BFrames',
  'h264OpenGop',
  'h264IntraRefresh',
  'h265',
  'h265Slices',
  'h265OpenGop',
  'h265IntraRefresh',
];
const SETS = ['description', 'keyframes', 'pictures'] as const;
const PACKED = ['own', 'marked', 'aggregated'] as const;
/** The first loses 0.5 % of the packets, the second 2 %. */
const SEEDS = [1, 2];

describe.each(ENCODERS)('%s, with lost packets', (encoder) => {
  let clip: Clip;
  let expected: Map<number, string>;
  beforeAll(async () => {
    clip = await encoded(encoder);
    expected = reference(clip);
  });

  test('without a loss every picture comes', () => {
    // What the decoder still holds back at the end is not shown.
    expect(expected.size).toBeGreaterThanOrEqual(clip.units.length - 4);
  });

  test.each(SETS.flatMap((sets) => PACKED.map((packed) => [sets, packed] as const)))(
    'parameter sets: %s, %s: what is shown as whole is what the camera encoded',
    (sets, packed) => {
      const sending: Sending = { clip, sets, packetization: { sets: packed } };
      let shown = 0;
      for (const seed of SEEDS) {
        const random = seededRandom32(seed * 31 + packed.length);
        const share = seed % 2 === 0 ? 0.02 : 0.005;
        const packets = packetsOf(sending).filter(() => random() / 2 ** 32 >= share);
        for (const onLoss of ['wait', 'conceal'] as const) {
          const receiver = new Receiver(clip, { onLoss }, seed % 2 === 0).receive(packets);
          const c = receiver.end();
          expect(smeared(receiver.shown, expected)).toEqual([]);
          expect(c.captured).toBe(c.published + c.noDemand + c.undecodable + c.late + c.inDecoder);
          if (onLoss === 'wait') shown += receiver.shown.length;
        }
      }
      // Nothing is proved by showing nothing.
      expect(shown).toBeGreaterThan(clip.units.length / 8);
    },
  );
});

describe('the loss of one packet', () => {
  // Units 12 and 24 are keyframes.
  const PLACES = { first: 0, middle: 0.5, last: 1 } as const;

  test.each(
    (['h264', 'h265'] as const).flatMap((encoder) =>
      (['first', 'middle', 'last'] as const).map((place) => [encoder, place] as const),
    ),
  )('%s, the %s one of the picture before a keyframe: it costs that picture', async (encoder, place) => {
    const clip = await encoded(encoder);
    const all = packetsOf({ clip });
    const of11 = all.filter(({ unit }) => unit.index === 11);
    const lost = of11[Math.floor(PLACES[place] * (of11.length - 1))];
    const receiver = new Receiver(clip).receive(all.filter((sent) => sent !== lost));
    receiver.end();
    const missing = clip.units.filter(({ ptsTicks }) => !receiver.shown.some((one) => one.ptsTicks === ptsTicks));
    expect(missing.map(({ index }) => index)).toEqual([11]);
  });

  test('what a decoder holds back for reordering comes out at once, not when decoding goes on', async () => {
    const clip = await encoded('h264BFrames');
    const all = packetsOf({ clip });
    const lost = all.find(({ unit }) => unit.index === 5);
    const at = all.indexOf(lost as (typeof all)[number]);
    const receiver = new Receiver(clip).receive(all.filter((sent) => sent !== lost));
    receiver.end();
    const held = receiver.shown.filter(({ afterPackets }) => afterPackets > at + 1);
    // Nothing that was sent before the loss comes with the pictures of the next keyframe.
    const next = clip.units[12]?.ptsTicks ?? 0;
    expect(held.filter(({ ptsTicks, afterPackets }) => ptsTicks < next && afterPackets > at + 20)).toEqual([]);
  });
});

describe('markers that lie', () => {
  const MARKERS = ['last', 'slices', 'packets', 'none'] as const;
  test.each(
    (['h264', 'h264Slices', 'h265', 'h265Slices'] as const).flatMap((encoder) =>
      MARKERS.map((markers) => [encoder, markers] as const),
    ),
  )('%s, on %s: every picture comes, whole, from the first one on', async (encoder, markers) => {
    const clip = await encoded(encoder);
    const receiver = new Receiver(clip).receive(packetsOf({ clip, packetization: { markers } }));
    receiver.end();
    expect(smeared(receiver.shown, reference(clip))).toEqual([]);
    // Without a marker that ends it, the last picture of the clip does not end.
    const expected = clip.units.slice(0, receiver.shown.length);
    expect(receiver.shown.map(({ ptsTicks }) => ptsTicks)).toEqual(expected.map(({ ptsTicks }) => ptsTicks));
    expect(receiver.shown.length).toBeGreaterThanOrEqual(clip.units.length - 1);
  });

  test.each([
    ['h264', 0],
    ['h264Slices', 0],
    ['h265', 1],
    ['h265Slices', 1],
  ] as const)('%s: markers that are right end a picture at once, after the first %i', async (encoder, late) => {
    const clip = await encoded(encoder);
    const all = packetsOf({ clip });
    const receiver = new Receiver(clip).receive(all);
    receiver.end();
    const complete = clip.units.map((unit) => all.findLastIndex((sent) => sent.unit === unit) + 1);
    expect(receiver.shown.slice(late).map(({ afterPackets }) => afterPackets)).toEqual(complete.slice(late));
  });

  // With slice threads libav reports no missing slices.
  test.each(
    (['h264Slices', 'h265Slices', 'h264IntraRefresh'] as const).flatMap((encoder) =>
      [1, 4].flatMap((threads) => (['wait', 'conceal'] as const).map((onLoss) => [encoder, threads, onLoss] as const)),
    ),
  )('%s, with lost packets, %i threads, %s: nothing smeared is shown as whole', async (encoder, threads, onLoss) => {
    const clip = await encoded(encoder);
    const expected = reference(clip);
    for (let seed = 0; seed < 12; seed += 1) {
      const random = seededRandom32(seed);
      const markers = seed % 2 === 0 ? 'slices' : 'packets';
      const sending: Sending = { clip, from: (seed * 7) % 30, packetization: { markers } };
      const packets = packetsOf(sending).filter(() => random() / 2 ** 32 >= 0.05);
      const receiver = new Receiver(clip, { threads, onLoss }).receive(packets);
      const c = receiver.end();
      expect([seed, smeared(receiver.shown, expected)]).toEqual([seed, []]);
      expect(c.captured).toBe(c.published + c.noDemand + c.undecodable + c.late + c.inDecoder);
    }
  });

  test.each(['wait', 'conceal'] as const)(
    'with slice threads and B-frames, %s: an incomplete first keyframe that is still in the decoder is not shown',
    async (onLoss) => {
      const clip = await encoded('h264SlicesBFrames');
      const receiver = new Receiver(clip, { threads: 2, onLoss }).receive(
        packetsOf({ clip, packetization: { markers: 'slices' } }),
      );
      const c = receiver.end();
      expect(smeared(receiver.shown, reference(clip))).toEqual([]);
      expect(receiver.shown.length).toBeGreaterThan(40);
      expect(c.captured).toBe(c.published + c.noDemand + c.undecodable + c.late + c.inDecoder);
    },
  );

  test('with slice threads, an incomplete first keyframe is not shown, and the complete one is', async () => {
    const clip = await encoded('h264Slices');
    const receiver = new Receiver(clip, { threads: 4 }).receive(
      packetsOf({ clip, packetization: { markers: 'slices' } }),
    );
    expect(smeared(receiver.shown, reference(clip))).toEqual([]);
    expect(receiver.shown[0]?.ptsTicks).toBe(clip.units[0]?.ptsTicks);
    expect(receiver.end()).toMatchObject({ late: 1 });
  });
});

describe('a stream that is joined between its IDR pictures, parameter sets only in the description', () => {
  test.each([
    // Recovery points at 24 and 48, pictures are whole 10 later.
    ['h264IntraRefresh', 1, 34],
    ['h264IntraRefresh', 24, 34],
    // frame_num is 0 there: libav would find nothing to refer to.
    ['h264IntraRefresh', 25, 58],
    ['h264IntraRefresh', 48, 58],
    ['h264OpenGop', 1, 12],
    ['h264OpenGop', 20, 22],
    ['h265OpenGop', 1, 11],
    ['h265IntraRefresh', 1, 84],
  ] as const)('%s from picture %i on: shown from %i on, all of them whole', async (encoder, from, first) => {
    const clip = await encoded(encoder);
    const expected = reference(clip);
    const receiver = new Receiver(clip).receive(packetsOf({ clip, from, sets: 'description' }));
    const { undecodable } = receiver.end();
    expect(smeared(receiver.shown, expected)).toEqual([]);
    const point = clip.units[first]?.ptsTicks ?? 0;
    expect(receiver.shown[0]?.ptsTicks).toBe(point);
    expect(undecodable).toBeGreaterThan(0);
  });

  test('a picture is lost on the way to whole ones: the next recovery point begins again', async () => {
    const clip = await encoded('h264IntraRefresh');
    const packets = packetsOf({ clip, from: 1, sets: 'description' }).filter(({ unit }) => unit.index !== 30);
    const receiver = new Receiver(clip).receive(packets);
    receiver.end();
    expect(receiver.shown.map(({ ptsTicks }) => ptsTicks / 3600)).toEqual([58, 59]);
  });
});

test('B-frames are remarked upon once, with the remedy', async () => {
  const clip = await encoded('h264BFrames');
  const receiver = new Receiver(clip).receive(packetsOf({ clip }));
  expect(receiver.remarks).toEqual([
    'B-frames: each picture comes 2 intervals (about 91 ms) later than without; turn B-frames off in the camera (H.264: profile Baseline), or set its GOP to I and P',
  ]);
  receiver.end();
  const without = await encoded('h264');
  expect(new Receiver(without).receive(packetsOf({ clip: without })).remarks).toEqual([]);
});

describe('parameter sets that are missing or wrong are named', () => {
  test.each([
    ['h264', 'sps', 'the pictures need SPS, which the camera neither describes nor sends'],
    ['h264', 'pps', 'the pictures need PPS, which the camera neither describes nor sends'],
    ['h265', 'vps', 'the pictures need VPS, which the camera neither describes nor sends'],
    ['h265', 'sps', 'the pictures need SPS, which the camera neither describes nor sends'],
    ['h265', 'pps', 'the pictures need PPS, which the camera neither describes nor sends'],
  ] as const)('%s without %s', async (encoder, role, message) => {
    const clip = await encoded(encoder);
    const parameterSets = clip.parameterSets.filter((set) => setRole(set, clip.codec) !== role);
    const poor = { ...clip, parameterSets };
    const receiver = new Receiver(poor).receive(packetsOf({ clip: poor }));
    expect([receiver.shown.length, receiver.decoder.badParameterSets]).toEqual([0, message]);
    receiver.end();
  });

  test.each(['h264', 'h265'] as const)('%s with another identifier', async (encoder) => {
    const clip = await encoded(encoder);
    // ue(v) 0 is the bit 1, ue(v) 1 is 010: the first identifier of the PPS becomes 1, what follows moves by two bits.
    const parameterSets = clip.parameterSets.map((set) =>
      setRole(set, clip.codec) === 'pps' ? renumbered(set, clip.codec) : set,
    );
    const other = { ...clip, parameterSets };
    const receiver = new Receiver(other).receive(packetsOf({ clip: other }));
    expect([receiver.shown.length, receiver.decoder.badParameterSets]).toEqual([
      0,
      'the pictures need PPS 0, which the camera neither describes nor sends',
    ]);
    receiver.end();
  });

  test('the state of the camera names it', async () => {
    const clip = await encoded('h264');
    const clock = new FakeClock();
    const messages: string[] = [];
    const opened: SourceOptions[] = [];
    const subject = new StreamCapture({
      url: 'rtsp://camera/stream',
      clock,
      log: createLog('test', () => undefined),
      sink: { publish: (picture) => picture.release(), hasDemand: () => true },
      onState: (state) => messages.push('message' in state ? (state.message ?? '') : ''),
      open: (options) => {
        opened.push(options);
        options.onFormat({
          kind: 'rtsp',
          transport: 'tcp',
          codec: 'h264',
          extradata: undefined,
          raw: undefined,
          audio: undefined,
          live: true,
        });
        return Promise.resolve({ lostPackets: 0, close: () => undefined });
      },
    });
    subject.start();
    const data = Buffer.concat([Buffer.from([0, 0, 0, 1]), clip.units[0]?.nals.at(-1) ?? Buffer.alloc(0)]);
    for (let n = 0; n < 40; n += 1) {
      opened[0]?.onUnit({ data, ptsMs: n * 100, arrivedMs: clock.nowMs(), keyframe: true, damaged: false });
      clock.advance(100);
    }
    await subject.close();
    expect(messages.filter((message) => message !== '')).toEqual([
      expect.stringMatching(
        /^no picture for \d\.\d s: the pictures need SPS, which the camera neither describes nor sends$/,
      ),
    ]);
  });

  test('nothing is named once a picture has come, nor when a loss may be the reason', async () => {
    const clip = await encoded('h264');
    const receiver = new Receiver(clip).receive(packetsOf({ clip }));
    expect(receiver.decoder.badParameterSets).toBeUndefined();
    receiver.end();
    const gaps = packetsOf({ clip }).filter((_, i) => i % 3 > 0);
    expect(new Receiver(clip).receive(gaps).decoder.badParameterSets).toBeUndefined();
  });
});

function setRole(set: Buffer, codec: Clip['codec']): string | undefined {
  const type = codec === 'h264' ? (set[0] ?? 0) & 0x1f : ((set[0] ?? 0) >> 1) & 0x3f;
  return { 7: 'sps', 8: 'pps', 32: 'vps', 33: 'sps', 34: 'pps' }[type];
}

function renumbered(pps: Buffer, codec: Clip['codec']): Buffer {
  const header = codec === 'h264' ? 1 : 2;
  const bits = [...pps.subarray(header)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const moved = `010${bits.slice(1)}000000`;
  const bytes = moved.slice(0, moved.length - (moved.length % 8)).match(/.{8}/g) ?? [];
  return Buffer.concat([pps.subarray(0, header), Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)))]);
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACCESS_UNIT_LIMIT, AccessUnitAssembler, type RtpUnit } from './access-unit-assembler.ts';
import { H264, H265 } from './nal-format.ts';
import { emptyRtpHeader } from './rtp.ts';

describe('the access unit assembler', () => {
  interface Sent {
    readonly payload: Buffer;
    readonly marker: boolean;
    readonly timestamp: number;
    readonly sequence?: number;
  }

  type Seen = Pick<RtpUnit, 'rtpTime' | 'arrivedMs' | 'keyframe' | 'damaged'> & {
    readonly hex: string;
    readonly afterLoss: boolean;
    readonly doubt: RtpUnit['doubt'];
  };

  function assemble(sent: readonly Sent[], format = H264): Seen[] {
    const units: Seen[] = [];
    const assembler = new AccessUnitAssembler(
      format,
      ({ data, rtpTime, arrivedMs, keyframe, damaged, afterLoss, doubt }) =>
        units.push({ hex: data.toString('hex'), rtpTime, arrivedMs, keyframe, damaged, afterLoss, doubt }),
    );
    let sequence = 65_534;
    for (const { payload, marker, timestamp, sequence: own } of sent) {
      sequence = own ?? (sequence + 1) & 0xffff;
      assembler.push(
        payload,
        { ...emptyRtpHeader(), marker, timestamp, sequence, payloadStart: 0, payloadEnd: payload.byteLength },
        timestamp / 90,
      );
    }
    return units;
  }
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');

  test('single units, STAP-A and FU-A; the marker completes the unit, before any later packet', () => {
    const units = assemble([
      { payload: hex('18000267420002 68ce'.replace(' ', '')), marker: false, timestamp: 0 },
      { payload: hex('7c85aa'), marker: false, timestamp: 0 },
      { payload: hex('7c05bb'), marker: false, timestamp: 0 },
      { payload: hex('7c45cc'), marker: true, timestamp: 0 },
      { payload: hex('41dd'), marker: true, timestamp: 9000 },
    ]);
    expect(units).toEqual([
      {
        hex: '0000000167420000000168ce0000000165aabbcc',
        rtpTime: 0,
        arrivedMs: 0,
        keyframe: true,
        damaged: false,
        afterLoss: false,
        doubt: 'unproved',
      },
      {
        hex: '0000000141dd',
        rtpTime: 9000,
        arrivedMs: 100,
        keyframe: false,
        damaged: false,
        afterLoss: false,
        doubt: undefined,
      },
    ]);
  });

  test('parameter sets with their own marker belong to the next picture', () => {
    const units = assemble([
      { payload: hex('6742'), marker: true, timestamp: 0 },
      { payload: hex('65aa'), marker: true, timestamp: 0 },
    ]);
    expect(units.map((u) => u.hex)).toEqual(['0000000167420000000165aa']);
  });

  test('without a marker the next time stamp ends a unit', () => {
    const units = assemble([
      { payload: hex('65aa'), marker: false, timestamp: 0 },
      { payload: hex('41bb'), marker: true, timestamp: 9000 },
    ]);
    // A unit arrives when its own last packet is read, not when the next unit reveals that it was the last.
    expect(units.map((u) => [u.hex, u.damaged, u.arrivedMs])).toEqual([
      ['0000000165aa', false, 0],
      ['0000000141bb', false, 100],
    ]);
  });

  test('only a unit that may have lost data is damaged; a fragment without its start is dropped', () => {
    const units = assemble([
      { payload: hex('65aa'), marker: true, timestamp: 0, sequence: 1 },
      { payload: hex('41bb'), marker: true, timestamp: 9000, sequence: 3 },
      { payload: hex('41cc'), marker: true, timestamp: 18_000, sequence: 4 },
      { payload: hex('5c81dd'), marker: false, timestamp: 27_000, sequence: 5 },
      { payload: hex('5c41ee'), marker: true, timestamp: 27_000, sequence: 7 },
      { payload: hex('41ff'), marker: true, timestamp: 36_000, sequence: 8 },
    ]);
    expect(units.map((u) => [u.rtpTime, u.damaged, u.afterLoss])).toEqual([
      [0, false, false],
      // It begins with its first slice: a picture before it may be missing, but nothing of it.
      [9000, false, true],
      [18_000, false, false],
      [27_000, true, true],
      [36_000, false, true],
    ]);
  });

  describe('a loss across the border of two units', () => {
    const before: Sent = { payload: hex('41aa'), marker: false, timestamp: 0, sequence: 1 };
    const marked: Sent = { ...before, marker: true };
    const after = (payload: string): Sent => ({ payload: hex(payload), marker: true, timestamp: 9000, sequence: 3 });
    const idr: Sent = { payload: hex('65bb'), marker: true, timestamp: 9000, sequence: 4 };

    test.each<[string, readonly Sent[], readonly boolean[]]>([
      ['no marker, then a first slice', [before, after('65bb')], [true, false]],
      ['no marker, then parameter sets', [before, after('6742'), idr], [true, false]],
      ['no marker, then a delimiter', [before, after('09f0'), idr], [true, false]],
      [
        'no marker, then parameter sets in an aggregate',
        [before, after('78000267420002 68ce'.replace(' ', '')), idr],
        [true, false],
      ],
      [
        'no marker, then the start of a fragmented first slice',
        [before, { ...after('7c8580'), marker: false }, { ...idr, payload: hex('7c45cc') }],
        [true, false],
      ],
      ['no marker, then another slice', [before, after('6522')], [true, true]],
      [
        'no marker, then the start of another fragmented slice',
        [before, { ...after('7c8522'), marker: false }, { ...idr, payload: hex('7c45cc') }],
        [true, true],
      ],
      ['no marker, then filler data', [before, { ...after('0cff'), marker: false }, idr], [true, true]],
      ['a marker, then a first slice', [marked, after('65bb')], [false, false]],
      ['a marker, then another slice', [marked, after('6522')], [false, true]],
    ])('%s', (_, sent, damaged) => {
      const units = assemble(sent);
      expect(units.map((u) => u.damaged)).toEqual(damaged);
      expect(units.at(-1)?.afterLoss).toBe(true);
    });

    test('the first packets of a picture are lost: its rest does not damage the next one', () => {
      const units = assemble([
        { ...marked, sequence: 1 },
        { payload: hex('5c01ee'), marker: false, timestamp: 4500, sequence: 3 },
        { payload: hex('5c41ee'), marker: true, timestamp: 4500, sequence: 4 },
        { ...idr, sequence: 5 },
      ]);
      expect(units.map((u) => [u.rtpTime, u.damaged, u.afterLoss])).toEqual([
        [0, false, false],
        [9000, false, true],
      ]);
    });

    test('what was in front of a lost picture is not in front of the next one', () => {
      // A recovery point message, and then another picture.
      const units = assemble([
        { payload: hex('0606018480'), marker: false, timestamp: 0, sequence: 1 },
        { payload: hex('41bb'), marker: true, timestamp: 9000, sequence: 3 },
      ]);
      expect(units.map((u) => [u.hex, u.keyframe, u.damaged, u.afterLoss])).toEqual([
        ['0000000141bb', false, false, true],
      ]);
    });

    test('H.265: a message that comes after a picture begins none', () => {
      const of = (payload: string, sequence: number, marker: boolean): Sent => ({
        payload: hex(payload),
        marker,
        timestamp: 9000,
        sequence,
      });
      const first: Sent = { payload: hex('0201d0'), marker: true, timestamp: 0, sequence: 1 };
      for (const [payload, damaged] of [
        ['5001aa', true],
        ['4e01aa', false],
      ] as const) {
        const units = assemble(
          [first, of(payload, 3, false), of('0201d0', 4, true), { ...of('0201d0', 5, true), timestamp: 18_000 }],
          H265,
        );
        expect(units.map((u) => [u.rtpTime, u.damaged])).toContainEqual([9000, damaged]);
      }
    });

    test('what cannot be read in front of a picture is a loss before the next one', () => {
      const units = assemble([
        { payload: hex('67'), marker: false, timestamp: 0 },
        { payload: hex('41bb'), marker: true, timestamp: 9000 },
      ]);
      expect(units.map((u) => [u.hex, u.damaged, u.afterLoss])).toEqual([['0000000141bb', false, true]]);
    });

    test('a gap between parameter sets and slice may hide others', () => {
      const units = assemble([
        { payload: hex('6742'), marker: false, timestamp: 9000, sequence: 2 },
        { ...idr, sequence: 4 },
      ]);
      expect(units.map((u) => u.damaged)).toEqual([true]);
    });
  });

  test('duplicate and late packets are skipped and are no loss; a sequence restart is one', () => {
    const lost: number[] = [];
    const damaged: boolean[] = [];
    const assembler = new AccessUnitAssembler(H264, (unit) => damaged.push(unit.afterLoss));
    for (const [i, sequence] of [10, 11, 11, 12, 10, 14, 13, 15, 40_000, 40_001].entries()) {
      const header = { ...emptyRtpHeader(), marker: true, timestamp: i, sequence, payloadStart: 0, payloadEnd: 2 };
      assembler.push(hex('41aa'), header, 0);
      lost.push(assembler.lostPackets);
    }
    expect(lost).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(damaged).toEqual([false, false, false, true, false, true, false]);
  });

  test('an endless unit stops growing and is damaged', () => {
    const big = Buffer.alloc(60_000, 0x41);
    const sent = Array.from({ length: Math.ceil(ACCESS_UNIT_LIMIT / 60_000) + 5 }, () => ({
      payload: big,
      marker: false,
      timestamp: 0,
    }));
    const [unit] = assemble([...sent, { payload: hex('41aa'), marker: true, timestamp: 0 }]);
    expect(unit?.damaged).toBe(true);
    expect((unit?.hex.length ?? 0) / 2).toBeLessThanOrEqual(ACCESS_UNIT_LIMIT);
  });

  test.each([H264, H265])('never throws, whatever the payloads: $codec', (format) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            bytes: fc.uint8Array({ maxLength: 30 }),
            marker: fc.boolean(),
            timestamp: fc.nat(3),
            sequence: fc.nat(6),
          }),
        ),
        (packets) => {
          assemble(
            packets.map((p) => ({
              payload: Buffer.from(p.bytes),
              marker: p.marker,
              timestamp: p.timestamp,
              sequence: p.sequence,
            })),
            format,
          );
        },
      ),
    );
  });

  test('H.265: parameter sets, an aggregate, and fragments reassembled with their header', () => {
    const units = assemble(
      [
        { payload: hex('4001aabb'), marker: false, timestamp: 0 },
        { payload: hex('600100034201cc00034401dd'), marker: false, timestamp: 0 },
        // IDR_W_RADL (19) in fragments: the payload header contains 49, the fragment header 19.
        { payload: hex('620193f0'), marker: false, timestamp: 0 },
        { payload: hex('620113f1'), marker: false, timestamp: 0 },
        { payload: hex('620153f2'), marker: true, timestamp: 0 },
        { payload: hex('0201d0'), marker: true, timestamp: 9000 },
      ],
      H265,
    );
    expect(units.map((u) => [u.hex, u.keyframe, u.damaged])).toEqual([
      ['000000014001aabb000000014201cc000000014401dd000000012601f0f1f2', true, false],
      ['000000010201d0', false, false],
    ]);
  });

  describe('markers that lie', () => {
    /** A picture of two slices, each of two packets. The headers are those of the codec. */
    const picture = (codec: 'h264' | 'hevc', timestamp: number, marks: readonly boolean[]): Sent[] => {
      const slices =
        codec === 'h264' ? ['7c8588', '7c45cc', '7c8522', '7c45dd'] : ['62019388', '620153cc', '62019322', '620153dd'];
      return slices.map((slice, i) => ({ payload: hex(slice), marker: marks[i] ?? false, timestamp }));
    };
    const ON = { slices: [false, true, false, true], packets: [true, true, true, true] };
    const WHOLE = { h264: '000000016588cc000000016522dd', hevc: '00000001260188cc00000001260122dd' };

    test.each([
      ['h264', 'slices'],
      ['h264', 'packets'],
      ['hevc', 'slices'],
      ['hevc', 'packets'],
    ] as const)('%s, on all %s: every picture is whole, the first one too', (codec, marks) => {
      const sent = [0, 9000, 18_000, 27_000].flatMap((timestamp) => picture(codec, timestamp, ON[marks]));
      const units = assemble(sent, codec === 'h264' ? H264 : H265);
      const whole = units.filter((u) => u.hex === WHOLE[codec] && !u.damaged).map((u) => u.rtpTime);
      expect(whole).toEqual([0, 9000, 18_000]);
      expect(units.map((u) => u.doubt)).toEqual(
        codec === 'h264' ? ['unproved', 'repeated', undefined, undefined] : [undefined, undefined, undefined],
      );
      // The decoder of H.264 notices that slices are missing: it gets the first slice at once, and then all.
      expect(units.filter((u) => u.hex !== WHOLE[codec]).map((u) => [u.rtpTime, u.damaged])).toEqual(
        codec === 'h264' ? [[0, false]] : [],
      );
    });

    test.each([
      ['h264', '7c8588', '7c05aa', '7c45cc'],
      ['hevc', '62019388', '620113aa', '620153cc'],
    ] as const)(
      '%s, on all packets of pictures with one slice: each ends with its last fragment',
      (codec, ...parts) => {
        const of = (timestamp: number): Sent[] =>
          parts.map((part) => ({ payload: hex(part), marker: true, timestamp }));
        const units = assemble([0, 9000, 18_000, 27_000].flatMap(of), codec === 'h264' ? H264 : H265);
        // The markers of H.265 must have proved right once.
        const times = codec === 'h264' ? [0, 9000, 18_000, 27_000] : [0, 9000, 18_000, 27_000];
        expect(units.map((u) => [u.rtpTime, u.arrivedMs, u.damaged])).toEqual(times.map((t) => [t, t / 90, false]));
      },
    );

    test('H.264: units are in doubt until then', () => {
      const small = (timestamp: number): Sent => ({ payload: hex('4188'), marker: true, timestamp });
      const large = (timestamp: number): Sent[] => [
        { payload: hex('7c8588'), marker: false, timestamp },
        { payload: hex('7c45cc'), marker: true, timestamp },
      ];
      const units = assemble([small(0), small(9000), ...large(18_000), small(27_000)]);
      expect(units.map(({ doubt }) => doubt)).toEqual(['unproved', 'unproved', 'unproved', undefined]);
    });
  });

  test('a stream of another codec is detected, a single odd unit is ignored', () => {
    const assembler = new AccessUnitAssembler(H265, () => undefined);
    let sequence = 0;
    const push = (payload: Buffer): void =>
      assembler.push(
        payload,
        { ...emptyRtpHeader(), sequence: (sequence += 1), payloadStart: 0, payloadEnd: payload.byteLength },
        0,
      );
    push(hex('67428029'));
    push(hex('0201d0'));
    expect(assembler.foreignInARow).toBe(0);
    for (let n = 0; n < 60; n += 1) push(hex('67428029'));
    expect(assembler.foreignInARow).toBe(60);
  });
});

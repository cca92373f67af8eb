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

  function assemble(sent: readonly Sent[], format = H264): (Omit<RtpUnit, 'data'> & { hex: string })[] {
    const units: (Omit<RtpUnit, 'data'> & { hex: string })[] = [];
    const assembler = new AccessUnitAssembler(format, ({ data, ...rest }) =>
      units.push({ ...rest, hex: data.toString('hex') }),
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
      },
      { hex: '0000000141dd', rtpTime: 9000, arrivedMs: 100, keyframe: false, damaged: false },
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
    expect(units.map((u) => [u.rtpTime, u.damaged])).toEqual([
      [0, false],
      [9000, true],
      [18_000, false],
      [27_000, true],
      [36_000, false],
    ]);
  });

  test('loss across a unit border damages both neighbours', () => {
    const units = assemble([
      { payload: hex('41aa'), marker: false, timestamp: 0, sequence: 1 },
      { payload: hex('41bb'), marker: true, timestamp: 9000, sequence: 3 },
    ]);
    expect(units.map((u) => u.damaged)).toEqual([true, true]);
  });

  test('duplicate and late packets are skipped and are no loss; a sequence restart is one', () => {
    const lost: number[] = [];
    const damaged: boolean[] = [];
    const assembler = new AccessUnitAssembler(H264, (unit) => damaged.push(unit.damaged));
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

  test('a camera that marks every slice: its units are whole after the first picture', () => {
    const slices = (timestamp: number): Sent[] => [
      { payload: hex('41ee'), marker: true, timestamp },
      // first_mb_in_slice is not 0: the slice does not begin a picture.
      { payload: hex('4122'), marker: true, timestamp },
    ];
    const units = assemble([0, 9000, 18_000, 27_000].flatMap(slices));
    expect(units.map((u) => [u.hex, u.rtpTime, u.damaged])).toEqual([
      ['0000000141ee', 0, false],
      ['000000014122', 0, true],
      ['0000000141ee000000014122', 9000, false],
      ['0000000141ee000000014122', 18_000, false],
    ]);
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

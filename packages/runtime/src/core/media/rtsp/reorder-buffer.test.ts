import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReorderBuffer } from './reorder-buffer.ts';
import { emptyRtpHeader } from './rtp.ts';

const PER_PICTURE = 4;

function run(sequences: readonly number[]): { out: number[]; buffer: ReorderBuffer } {
  const out: number[] = [];
  const buffer = new ReorderBuffer((packet) => out.push(packet.readUInt16BE(0)));
  for (const sequence of sequences) {
    const packet = Buffer.alloc(2);
    packet.writeUInt16BE(sequence & 0xffff);
    const timestamp = Math.floor(sequence / PER_PICTURE) * 3000;
    buffer.push(packet, { ...emptyRtpHeader(), sequence: sequence & 0xffff, timestamp }, 0);
  }
  return { out, buffer };
}

describe('the reorder buffer', () => {
  test('packets in order pass straight through, also across the wrap', () => {
    const sequences = Array.from({ length: 10 }, (_, i) => 65_530 + i);
    expect(run(sequences).out).toEqual(sequences.map((s) => s & 0xffff));
  });

  test('an early packet waits for the ones before it', () => {
    expect(run([1, 3, 2, 5, 4, 6]).out).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a gap is abandoned when the next picture begins; later arrivals count as late', () => {
    const { out, buffer } = run([0, 1, 3]);
    expect([out, buffer.held]).toEqual([[0, 1], 1]);
    const later = run([0, 1, 3, 4, 5, 2]);
    expect(later.out).toEqual([0, 1, 3, 4, 5]);
    expect(later.buffer.latePackets).toBe(1);
  });

  test('many gaps in one picture delay it by one interval, not by one each', () => {
    // A picture of 400 packets, every 20th of them missing, then pictures of 4.
    const out: number[] = [];
    const buffer = new ReorderBuffer((packet) => out.push(packet.readUInt16BE(0)));
    const push = (sequence: number, timestamp: number): void => {
      const packet = Buffer.alloc(2);
      packet.writeUInt16BE(sequence);
      buffer.push(packet, { ...emptyRtpHeader(), sequence, timestamp }, 0);
    };
    for (let n = 0; n < 400; n += 1) if (n % 20 !== 7) push(n, 0);
    push(400, 9000);
    expect([out.at(-1), buffer.held]).toEqual([400, 0]);
  });

  test('held packets are bounded in bytes, not only in number', () => {
    const buffer = new ReorderBuffer(() => undefined);
    for (let n = 0; n < 100; n += 1) {
      // Every second packet is missing, all of one picture.
      buffer.push(Buffer.alloc(60_000), { ...emptyRtpHeader(), sequence: n * 2, timestamp: 0 }, 0);
      expect(buffer.held * 60_000).toBeLessThanOrEqual(1024 * 1024);
    }
  });

  test('another sender is followed, even if its numbers are slightly behind', () => {
    const out: number[] = [];
    const buffer = new ReorderBuffer((packet) => out.push(packet.readUInt16BE(0)));
    for (const [ssrc, sequence] of [
      [1, 500],
      [1, 501],
      [2, 490],
      [2, 491],
    ] as const) {
      const packet = Buffer.alloc(2);
      packet.writeUInt16BE(sequence);
      buffer.push(packet, { ...emptyRtpHeader(), sequence, ssrc }, 0);
    }
    expect(out).toEqual([500, 501, 490, 491]);
  });

  test('duplicates are dropped', () => {
    const { out, buffer } = run([0, 1, 1, 3, 3, 2, 2]);
    expect(out).toEqual([0, 1, 2, 3]);
    expect(buffer.latePackets).toBe(3);
  });

  test('a sender that restarts its numbering is followed', () => {
    expect(run([5000, 5001, 100, 101]).out).toEqual([5000, 5001, 100, 101]);
  });

  test('with any order: no packet twice, none backwards, and a bounded buffer', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 200 }), (sequences) => {
        const { out, buffer } = run(sequences);
        buffer.flush();
        for (let i = 1; i < out.length; i += 1) expect(out[i]).toBeGreaterThan(out[i - 1] as number);
        expect(buffer.held).toBe(0);
      }),
    );
  });
});

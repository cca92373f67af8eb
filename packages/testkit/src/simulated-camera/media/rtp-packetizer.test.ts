import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRtp, reassemble } from '../../../test/rtsp-client.ts';
import { type Packetization, RtpPacketizer } from './rtp-packetizer.ts';

const nal = fc
  .tuple(fc.constantFrom(0x65, 0x41, 0x01, 0x67, 0x68, 0x06), fc.uint8Array({ minLength: 0, maxLength: 400 }))
  .map(([header, rest]) => Buffer.concat([Buffer.from([header]), rest]));
const options = { payloadType: 96, ssrc: 0xdeadbeef };

describe('RtpPacketizer', () => {
  it('makes packets that are small enough and give back the same NAL units', () => {
    fc.assert(
      fc.property(
        fc.array(nal, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 3, max: 120 }),
        (nals, maxPayloadBytes) => {
          const packetizer = new RtpPacketizer({ ...options, firstSequence: 65_530, maxPayloadBytes });
          const packets = packetizer.packetize(nals, 2 ** 32 - 1).map(parseRtp);
          expect(reassemble(packets.map((packet) => packet.payload))).toEqual(nals);
          expect(Math.max(...packets.map((packet) => packet.payload.byteLength))).toBeLessThanOrEqual(maxPayloadBytes);
          expect(packets.map((packet) => packet.marker)).toEqual(packets.map((_, i) => i === packets.length - 1));
          expect(packets.map((packet) => packet.sequence)).toEqual(packets.map((_, i) => (65_530 + i) % 65_536));
          expect(new Set(packets.map((packet) => packet.rtpTime))).toEqual(new Set([2 ** 32 - 1]));
        },
      ),
    );
  });

  it('does the same with H.265', () => {
    const nal265 = fc
      .tuple(fc.constantFrom('2601', '0201', '4001', '4e01', '0309'), fc.uint8Array({ maxLength: 400 }))
      .map(([header, rest]) => Buffer.concat([Buffer.from(header, 'hex'), rest]));
    fc.assert(
      fc.property(
        fc.array(nal265, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 4, max: 120 }),
        (nals, maxPayloadBytes) => {
          const packetizer = new RtpPacketizer({ ...options, firstSequence: 0, maxPayloadBytes });
          packetizer.change({ payloadType: 98, codec: 'h265' });
          const packets = packetizer.packetize(nals, 5).map(parseRtp);
          const payloads = packets.map((packet) => packet.payload);
          expect(reassemble(payloads, 'h265')).toEqual(nals);
          expect(Math.max(...payloads.map((payload) => payload.byteLength))).toBeLessThanOrEqual(maxPayloadBytes);
          expect(new Set(packets.map((packet) => packet.payloadType))).toEqual(new Set([98]));
          const fragments = payloads.filter((payload) => (((payload[0] as number) >> 1) & 0x3f) === 49);
          expect(fragments.every((payload) => ((payload[2] as number) & 0xc0) !== 0xc0)).toBe(true);
        },
      ),
    );
  });

  it('never makes an FU-A with start and end in one packet', () => {
    const packetizer = new RtpPacketizer({ ...options, firstSequence: 0, maxPayloadBytes: 10 });
    for (let size = 11; size < 40; size += 1) {
      const fragments = packetizer
        .packetize([Buffer.alloc(size, 0x41)], 0)
        .map((packet) => parseRtp(packet).payload[1] as number);
      expect(fragments.every((fu) => (fu & 0xc0) !== 0xc0)).toBe(true);
    }
  });

  describe('packetizations', () => {
    const SPS = Buffer.from('674d', 'hex');
    const PPS = Buffer.from('68ce', 'hex');
    const slices = [Buffer.concat([Buffer.from([0x65]), Buffer.alloc(20, 1)]), Buffer.from('6522', 'hex')];
    const packetsOf = (packetization: Packetization) =>
      new RtpPacketizer({ ...options, firstSequence: 0, maxPayloadBytes: 14, packetization })
        .packetize([SPS, PPS, ...slices], 5)
        .map(parseRtp);

    it.each([
      [{}, [false, false, false, false, true]],
      [{ markers: 'slices' }, [false, false, false, true, true]],
      [{ markers: 'packets' }, [true, true, true, true, true]],
      [{ markers: 'none' }, [false, false, false, false, false]],
      [{ sets: 'marked' }, [true, true, false, false, true]],
      [{ sets: 'aggregated' }, [false, false, false, true]],
    ] satisfies [Packetization, boolean[]][])('%j: where the marker bits are', (packetization, markers) => {
      const packets = packetsOf(packetization);
      expect(packets.map((packet) => packet.marker)).toEqual(markers);
    });

    it('puts what is in front of a picture into one aggregate', () => {
      expect(packetsOf({ sets: 'aggregated' })[0]?.payload.toString('hex')).toBe('780002674d000268ce');
      const h265 = new RtpPacketizer({
        ...options,
        codec: 'h265',
        firstSequence: 0,
        packetization: { sets: 'aggregated' },
      });
      const nals = ['4001aa', '4201bb', '2601af'].map((text) => Buffer.from(text, 'hex'));
      const payloads = h265.packetize(nals, 5).map((packet) => parseRtp(packet).payload.toString('hex'));
      expect(payloads).toEqual(['600100034001aa00034201bb', '2601af']);
    });
  });

  it('counts packets and payload bytes for reports, over units', () => {
    const packetizer = new RtpPacketizer({ ...options, firstSequence: 7 });
    packetizer.packetize([Buffer.alloc(10, 1)], 0);
    packetizer.packetize([Buffer.alloc(1401, 1)], 9000);
    expect([packetizer.packets, packetizer.octets, packetizer.nextSequence]).toEqual([3, 10 + 1400 + 2 * 2, 10]);
  });
});

import { expect, test } from 'vitest';
import { RtpTrack } from './rtp-track.ts';

test('a receiver report echoes the sender report of the sender of its packets, and no other', () => {
  const track = new RtpTrack({ payloadType: 96, clockRate: 90_000, reorder: false, onPacket: () => undefined });
  const echoed = (): number[] => {
    const report = track.receiverReport(1, 3000);
    return [report.readUInt32BE(24), report.readUInt32BE(28)];
  };
  const report = { ssrc: 8, ntpMs: 0, ntpMiddle: 99, rtpTime: 0 };
  track.onSenderReport(report, 1000);
  track.push(Buffer.from('80e0000100000000000000076588', 'hex'), 1000);
  expect(echoed()).toEqual([0, 0]);
  track.onSenderReport({ ...report, ssrc: 7 }, 1000);
  expect(echoed()).toEqual([99, 2 * 65_536]);
});

import { expect, test } from 'vitest';
import { lossesIn } from './peer.ts';

/** A packet of RTCP (RFC 3550, 6.4.1): version 2, a format or a count, a type, its length, and so many words of zeroes. */
function rtcp(format: number, type: number, words: number): Buffer {
  const packet = Buffer.alloc(4 * (words + 1));
  packet[0] = 0x80 | format;
  packet[1] = type;
  packet.writeUInt16BE(words, 2);
  return packet;
}

const REPORT = rtcp(1, 201, 7);
const NACK = rtcp(1, 205, 3);
const PICTURE_LOSS = rtcp(1, 206, 2);
const BANDWIDTH = rtcp(15, 206, 5);

test.each([
  ['a receiver report', REPORT, false, false],
  ['a NACK', NACK, true, false],
  ['a picture loss indication', PICTURE_LOSS, false, true],
  ['an estimate of the bandwidth', BANDWIDTH, false, false],
  ['a report, a NACK and a picture loss in one message', Buffer.concat([REPORT, NACK, PICTURE_LOSS]), true, true],
  ['a NACK behind an estimate', Buffer.concat([BANDWIDTH, NACK]), true, false],
  ['nothing', Buffer.alloc(0), false, false],
  ['a part of a picture loss', PICTURE_LOSS.subarray(0, 11), false, false],
  ['a packet that says it is longer than it is', Buffer.concat([rtcp(0, 201, 2).fill(0xff, 2, 4), NACK]), false, false],
])('%s: packets lost, picture lost', (_, message, packets, picture) => {
  expect(lossesIn(message)).toEqual({ packets, picture });
});

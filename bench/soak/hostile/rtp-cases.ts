import { h264Sps, h265Sps, type Clip, RtpPacketizer } from '@vigia/testkit';
import type { Random } from '../container-fuzz/random.ts';
import { type CameraScript, interleaved, SDP, usual } from './hostile-camera.ts';

const SSRC = 7;
/** Pictures of a case. */
const MOST_UNITS = 4;
const RTP_HEADER = 12;

type Packets = readonly Buffer[];
type Spoil = (random: Random, packets: Packets) => Buffer[];

/** The same, with one packet replaced by what is made of it. */
function replaced(random: Random, packets: Packets, by: (packet: Buffer) => readonly Buffer[]): Buffer[] {
  const at = random.int(0, packets.length - 1);
  return packets.flatMap((one, i) => (i === at ? by(Buffer.from(one)) : [one]));
}

function packet(random: Random, payload: Buffer, sequence: number): Buffer {
  const out = Buffer.alloc(RTP_HEADER + payload.byteLength);
  out[0] = 0x80;
  out[1] = random.of([96, 96 | 0x80]);
  out.writeUInt16BE(sequence & 0xffff, 2);
  out.writeUInt32BE(random.of([0, 3_600, 0xffff_ffff]), 4);
  out.writeUInt32BE(SSRC, 8);
  payload.copy(out, RTP_HEADER);
  return out;
}

/** Packets of their own, in order, around the good ones. */
function among(random: Random, packets: Packets, payloads: Packets): Buffer[] {
  const first = packets[0]?.readUInt16BE(2) ?? 0;
  const own = payloads.map((payload, i) => packet(random, payload, first - payloads.length + i));
  return random.once(2)
    ? [...own, ...packets]
    : [...packets, ...payloads.map((payload, i) => packet(random, payload, first + packets.length + i))];
}

const SIDES = [32, 640, 3840, 8192, 16_384, 65_536];
function hugeSet(random: Random): Buffer {
  const size = { width: random.of(SIDES), height: random.of(SIDES), references: random.int(0, 16) };
  return random.once(3)
    ? h265Sps({ ...size, layers: random.int(0, 6) })
    : h264Sps({ ...size, profile: random.of([66, 77, 100]), frames: random.once(2) });
}

function rtcp(random: Random): Buffer {
  const type = random.of([200, 201, 202, 203, 204, 192, 255]);
  const body = random.bytes(random.of([4, 24, 52, 600]));
  const head = Buffer.from([random.of([0x80, 0x81, 0x9f, 0xa1, 0x40]), type, 0, 0]);
  head.writeUInt16BE(random.of([0, 1, 6, body.byteLength / 4, 65_535]) & 0xffff, 2);
  if (random.once(2)) body.writeUInt32BE(SSRC, 0);
  return Buffer.concat([head, body]);
}

const SPOILS: Readonly<Record<string, Spoil>> = {
  'first bytes': (random, packets) =>
    replaced(random, packets, (one) => {
      one[0] = random.of([0x00, 0x40, 0x8f, 0x90, 0xa0, 0xbf, 0xff]);
      return [one];
    }),
  'payload types': (random, packets) => packets.map((one) => Buffer.from(one).fill(random.int(0, 255), 1, 2)),
  padding: (random, packets) =>
    replaced(random, packets, (one) => {
      one[0] = (one[0] ?? 0) | 0x20;
      one[one.byteLength - 1] = random.of([0, 1, 200, 255]);
      return [one];
    }),
  extensions: (random, packets) =>
    replaced(random, packets, (one) => {
      one[0] = (one[0] ?? 0) | 0x10;
      if (one.byteLength > 15) one.writeUInt16BE(random.of([0, 1, 300, 65_535]), 14);
      return [one];
    }),
  sequence: (random, packets) =>
    packets.map((one) => {
      const out = Buffer.from(one);
      if (random.once(2)) out.writeUInt16BE(random.int(0, 65_535), 2);
      return out;
    }),
  times: (random, packets) =>
    packets.map((one) => {
      const out = Buffer.from(one);
      out.writeUInt32BE(random.u32(), 4);
      return out;
    }),
  senders: (random, packets) =>
    packets.map((one) => {
      const out = Buffer.from(one);
      out.writeUInt32BE(random.of([SSRC, 0, random.u32()]), 8);
      return out;
    }),
  cut: (random, packets) => replaced(random, packets, (one) => [one.subarray(0, random.int(0, one.byteLength))]),
  'lost, twice, out of order': (random, packets) =>
    packets.flatMap((one) => random.of([[one], [one], [], [one, one]])).toSorted(() => random.of([-1, 0, 0, 1])),
  mutated: (random, packets) => packets.map((one) => (random.once(3) ? random.mutated(one) : one)),
  'aggregates of any size': (random, packets) => {
    const nals = Array.from({ length: random.int(1, 40) }, () => {
      const nal = random.bytes(random.int(0, 20));
      return Buffer.concat([Buffer.from([random.of([0, 0, 255]), random.of([nal.byteLength, 0, 255])]), nal]);
    });
    return among(random, packets, [Buffer.concat([Buffer.from([random.of([24, 25, 26, 27, 120])]), ...nals])]);
  },
  'fragments without a start, or an end': (random, packets) =>
    among(
      random,
      packets,
      Array.from({ length: random.of([1, 5, 300]) }, () =>
        Buffer.concat([
          Buffer.from([0x7c, random.of([0x05, 0x85, 0x45, 0xc5, 0x1f])]),
          Buffer.alloc(random.of([0, 1, 1_300]), 7),
        ]),
      ),
    ),
  'a picture without end': (random, packets) =>
    among(random, packets, [
      Buffer.from([0x7c, 0x85, 0x88]),
      ...Array.from({ length: 700 }, () =>
        Buffer.concat([Buffer.from([0x7c, 0x05]), Buffer.alloc(15_000, random.int(0, 255))]),
      ),
    ]),
  'enormous pictures': (random, packets) =>
    among(random, packets, [hugeSet(random), Buffer.from([0x68, 0xce, 0x38, 0x80])]),
  'units of any kind': (random, packets) =>
    among(
      random,
      packets,
      Array.from({ length: random.int(1, 30) }, () =>
        Buffer.concat([Buffer.from([random.int(0, 255)]), random.bytes(random.int(0, 200))]),
      ),
    ),
  'random packets': (random) => Array.from({ length: random.int(1, 20) }, () => random.bytes(random.int(0, 300))),
};
const NAMES = Object.keys(SPOILS);

/** Cameras that send hostile packets; made from pictures of a clip. */
export class RtpScripts {
  readonly #clip: Clip;

  constructor(clip: Clip) {
    this.#clip = clip;
  }

  next(random: Random): CameraScript {
    const name = random.of(NAMES);
    const rare = name === 'a picture without end' && !random.once(10);
    const spoiled = SPOILS[rare ? 'mutated' : name]?.(random, this.#packets(random)) ?? [];
    const wire = spoiled.map((one) => interleaved(random.once(50) ? random.int(0, 255) : 0, one));
    for (let n = random.int(0, 4); n > 0; n -= 1)
      wire.splice(random.int(0, wire.length), 0, interleaved(1, rtcp(random)));
    return {
      answer: (request) => Buffer.from(usual(request, SDP)),
      media: random.once(4) ? wire : [Buffer.concat(wire)],
      after: random.of(['end', 'end', 'reset']),
    };
  }

  #packets(random: Random): Packets {
    const { parameterSets, units } = this.#clip;
    const packetizer = new RtpPacketizer({ payloadType: 96, ssrc: SSRC, firstSequence: random.of([0, 65_530, 1_000]) });
    return units.slice(0, random.int(1, MOST_UNITS)).flatMap(({ nals, index }) => {
      const all = index === 0 ? [...parameterSets, ...nals] : nals;
      return packetizer.packetize(all, index * 9_000);
    });
  }
}

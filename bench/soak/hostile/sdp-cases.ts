import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';
import { type CameraScript, ok, SDP, usual } from './hostile-camera.ts';

const CLOCKS = ['0', '0.0000001', 'Infinity', '-1', '1e9', '90000', '999', '1000001', '', 'x', '4294967296', '٣'];
const TYPES = ['96', '-1', '128', '1e3', 'x', '', '0', '99999999999999999999', '26'];
const CODECS = ['H264', 'H265', 'HEVC', 'JPEG', '__proto__', 'constructor', 'toString', ''];
const FMTPS = [
  'sprop-parameter-sets',
  'sprop-vps',
  'sprop-sps',
  'sprop-pps',
  'profile-level-id',
  'packetization-mode',
  '__proto__',
  '',
];
const MEDIA = ['video', 'audio', 'application', 'text', '', '__proto__'];
const AUDIO = ['PCMA/8000', 'PCMU/8000/2', 'MPEG4-GENERIC/44100/2', 'MPEG4-GENERIC/0/999', 'OPUS/48000/2'];

type Maker = (random: Random, foreign: ForeignText) => string;

function section(random: Random, foreign: ForeignText): string {
  const [kind, type] = [random.of(MEDIA), random.of(TYPES)];
  const codec = random.once(4) ? foreign.line().slice(0, 200) : random.of(CODECS);
  const sets = random.bytes(random.of([0, 4, 40, 4_000])).toString(random.once(8) ? 'latin1' : 'base64');
  return [
    `m=${kind} ${random.int(0, 70_000)} RTP/AVP ${type}`,
    `a=rtpmap:${type} ${codec}/${random.of(CLOCKS)}/${random.of(CLOCKS)}`,
    `a=fmtp:${type} ${random.of(FMTPS)}=${sets};${foreign.line().slice(0, 100)}=${foreign.line().slice(0, 100)};mode=AAC-hbr;config=${sets.slice(0, 8)}`,
    `a=control:${random.of(['trackID=1', '*', '', 'rtsp://10.0.0.9/', foreign.line().slice(0, 300)])}`,
    '',
  ].join(random.of(['\r\n', '\r\n', '\n']));
}

const MAKERS: Readonly<Record<string, Maker>> = {
  clocks: (random) => SDP.replace('H264/90000', `H264/${random.of(CLOCKS)}`),
  types: (random) => SDP.replaceAll('96', random.of(TYPES)),
  sections: (random, foreign) =>
    SDP.slice(0, SDP.indexOf('m=')) +
    Array.from({ length: random.of([1, 2, 5, 50]) }, () => section(random, foreign)).join(''),
  'with sound': (random) => `${SDP}m=audio 0 RTP/AVP 97\r\na=rtpmap:97 ${random.of(AUDIO)}\r\na=control:trackID=2\r\n`,
  'texts of any kind': (random, foreign) => {
    const lines = SDP.split('\r\n');
    lines.splice(
      random.int(0, lines.length),
      random.int(0, 2),
      `${random.of(['s=', 'i=', 'a=', 'm=video ', 'a=control:', 'a=rtpmap:96 '])}${foreign.next()}`,
    );
    return lines.join('\r\n');
  },
  'parameter sets': (random) => {
    const sets = Array.from({ length: random.of([1, 3, 200]) }, () =>
      random.bytes(random.int(0, 60)).toString('base64'),
    );
    return `${SDP}a=fmtp:96 sprop-parameter-sets=${sets.join(',')}\r\n`;
  },
  'many lines': (random) => `${SDP}${`a=x:${random.int(0, 9)}\r\n`.repeat(random.of([100, 5_000]))}`,
  'long lines': (random) => `${SDP}a=${'x;='.repeat(random.of([1_000, 20_000]))}\r\n`,
  mutated: (random) => random.mutated(Buffer.from(SDP)).toString('latin1'),
  'random bytes': (random) => random.bytes(random.int(0, 500)).toString('latin1'),
  empty: () => '',
};
const NAMES = Object.keys(MAKERS);

/** A camera that describes its stream in a hostile way. */
export function sdpScript(random: Random): CameraScript {
  const sdp = MAKERS[random.of(NAMES)]?.(random, new ForeignText(random)) ?? '';
  const bytes = Buffer.from(sdp, random.once(2) ? 'utf8' : 'latin1');
  return {
    answer: (request) =>
      request.method === 'DESCRIBE'
        ? Buffer.from(ok(request.cseq, 'Content-Type: application/sdp\r\n', bytes.toString('latin1')), 'latin1')
        : Buffer.from(usual(request)),
    media: [],
    after: 'end',
  };
}

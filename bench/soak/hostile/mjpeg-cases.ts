import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';
import type { CameraScript } from './hostile-camera.ts';

type Head = (random: Random, foreign: ForeignText) => string;

const HTTP = 'HTTP/1.1 200 OK\r\n';
const TYPE = 'Content-Type: multipart/x-mixed-replace; boundary=b\r\n';
const LENGTHS = ['-1', '0', '1', 'x', '99999999', '8388609', '1e3', '18446744073709551616'];
const BOUNDARIES = ['b', '--b', '"b"', '', '"', 'b; charset=x', '\u0001', 'b'.repeat(10_000), '(?:x+)+y'];

const HEADS: Readonly<Record<string, Head>> = {
  'status lines': (random, foreign) =>
    `HTTP/${random.of(['1.1', '1.0', '9', ''])} ${random.of(['200', '401', '404', '503', '0', '999', 'x'])} ${foreign.line()}\r\n${TYPE}\r\n`,
  types: (_random, foreign) => `${HTTP}Content-Type: ${foreign.line().slice(0, 5_000)}\r\n\r\n`,
  boundaries: (random) => `${HTTP}Content-Type: multipart/x-mixed-replace;boundary=${random.of(BOUNDARIES)}\r\n\r\n`,
  challenges: (random, foreign) =>
    `HTTP/1.1 401 No\r\nWWW-Authenticate: ${random.of(['Basic realm="x"', `Digest realm="${foreign.line().slice(0, 99)}", nonce="n"`])}\r\nContent-Length: 0\r\n\r\n`,
  'many headers': (random, foreign) =>
    `${HTTP}${TYPE}${`X: ${foreign.line().slice(0, 99)}\r\n`.repeat(random.of([5, 200, 3_000]))}\r\n`,
  'lengths and encodings': (random) =>
    `${HTTP}${TYPE}${random.of(['Content-Length: 5', 'Transfer-Encoding: chunked', 'Content-Encoding: gzip', 'Content-Length: x'])}\r\n\r\n`,
  elsewhere: (random, foreign) =>
    `HTTP/1.1 ${random.of(['301', '302', '307'])} Moved\r\nLocation: ${random.of(['file:///etc/passwd', 'http://10.0.0.9/', foreign.line()])}\r\n\r\n`,
  'nothing of HTTP': (random) => random.bytes(random.int(1, 300)).toString('latin1'),
};

/** A marker of a JPEG with a length that may be wrong. */
function segment(random: Random): Buffer {
  const body = random.bytes(random.of([0, 2, 17, 60, 400]));
  const head = Buffer.from([0xff, random.int(0xc0, 0xff), 0, 0]);
  head.writeUInt16BE(random.of([0, 1, 2, body.byteLength + 2, 65_535]) & 0xffff, 2);
  return Buffer.concat([head, body]);
}

/** The same picture with another size in its header. */
function resized(random: Random, jpeg: Buffer): Buffer {
  const out = Buffer.from(jpeg);
  const at = out.indexOf(Buffer.from([0xff, 0xc0, 0x00, 0x11]));
  if (at < 0) return out;
  const side = (): number => random.of([0, 1, 8, 4_000, 16_384, 65_535]);
  out.writeUInt16BE(side(), at + 5);
  out.writeUInt16BE(side(), at + 7);
  out[at + 9] = random.of([0, 1, 2, 3, 4, 255]);
  return out;
}

function spoiledJpeg(random: Random, jpeg: Buffer): Buffer {
  const ways: readonly (() => Buffer)[] = [
    () => jpeg,
    () => random.mutated(jpeg),
    () => resized(random, jpeg),
    () => jpeg.subarray(0, random.int(0, jpeg.byteLength)),
    () =>
      Buffer.concat([
        jpeg.subarray(0, 2),
        ...Array.from({ length: random.int(1, 30) }, () => segment(random)),
        jpeg.subarray(2),
      ]),
    () => Buffer.concat([jpeg, jpeg, Buffer.alloc(random.int(0, 100_000))]),
    () => random.bytes(random.int(0, 500)),
  ];
  return random.of(ways)();
}

function part(random: Random, foreign: ForeignText, body: Buffer): Buffer {
  const told = random.once(3) ? random.of(LENGTHS) : String(body.byteLength);
  const length = random.once(4) ? '' : `Content-Length: ${told}\r\n`;
  const more = random.once(6) ? `X: ${foreign.line().slice(0, random.of([50, 20_000]))}\r\n` : '';
  return Buffer.concat([
    Buffer.from(`--b\r\nContent-Type: image/jpeg\r\n${length}${more}\r\n`),
    body,
    Buffer.from('\r\n'),
  ]);
}

/** A camera that sends hostile MJPEG over HTTP. @param jpeg A picture to spoil. */
export function mjpegScript(random: Random, jpeg: Buffer): CameraScript {
  const foreign = new ForeignText(random);
  const head = random.once(3) ? HEADS[random.of(Object.keys(HEADS))]?.(random, foreign) : `${HTTP}${TYPE}\r\n`;
  const parts = Array.from({ length: random.int(1, 4) }, () => part(random, foreign, spoiledJpeg(random, jpeg)));
  if (random.once(300)) parts.push(Buffer.concat([Buffer.from('--b\r\n\r\n'), Buffer.alloc(9_000_000, 1)]));
  return {
    answer: () => Buffer.from(head ?? '', random.once(2) ? 'utf8' : 'latin1'),
    media: random.once(3) ? parts : [Buffer.concat(parts)],
    after: random.of(['end', 'end', 'reset']),
  };
}

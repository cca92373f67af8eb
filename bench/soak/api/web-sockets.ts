import type { Random } from '../container-fuzz/random.ts';
import type { FuzzRequest, Login } from './requests.ts';

const FIN = 0x80;
const MASKED = 0x80;

/** One frame of RFC 6455. */
function frame(first: number, payload: Buffer, masked = true): Buffer {
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 4 : 2);
  head[0] = first;
  head[1] = (masked ? MASKED : 0) | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  // A mask of zeros changes nothing.
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

const FRAMES: Readonly<Record<string, (random: Random) => Buffer[]>> = {
  nothing: () => [],
  'a text': () => [frame(FIN | 1, Buffer.from('{"hello":1}'))],
  'a text that is too long': () => [frame(FIN | 1, Buffer.alloc(2_000, 'x'))],
  'many texts': () => Array.from({ length: 50 }, () => frame(FIN | 1, Buffer.alloc(1_000, 'x'))),
  'parts without an end': () => [
    frame(1, Buffer.from('a')),
    ...Array.from({ length: 20 }, () => frame(0, Buffer.alloc(100))),
  ],
  'no mask': () => [frame(FIN | 1, Buffer.from('x'), false)],
  'a reserved bit': (random) => [frame(FIN | random.of([0x10, 0x20, 0x40]) | 1, Buffer.from('x'))],
  'an unknown kind': (random) => [frame(FIN | random.of([3, 7, 0xb, 0xf]), Buffer.from('x'))],
  'a long ping': () => [frame(FIN | 9, Buffer.alloc(126))],
  pings: () => Array.from({ length: 30 }, () => frame(FIN | 9, Buffer.from('x'))),
  'invalid UTF-8': () => [frame(FIN | 1, Buffer.from([0xff, 0xfe, 0xc0]))],
  'an odd end': (random) => [
    frame(FIN | 8, random.of([Buffer.alloc(1), Buffer.from([0, 0]), Buffer.from([0xff, 0xff, 0xff])])),
  ],
  'an enormous length': () => [Buffer.from([FIN | 1, MASKED | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255])],
  'random bytes': (random) => [random.bytes(random.int(1, 300))],
};

const HANDSHAKES: Readonly<Record<string, readonly string[]>> = {
  whole: [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ],
  'no key': ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'a wrong key': ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x'],
  'a wrong version': [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 99',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ],
  'another protocol': ['Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: x'],
  half: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Ver'],
};
const QUERIES = [
  '',
  '?types=event',
  '?camera=hall',
  '?camera=yard-out-of-sight',
  `?after=${'0'.repeat(26)}`,
  '?types=x',
  '?after=x',
];

/** A WebSocket to the stream: whole or half a handshake, then frames of all kinds. */
export function webSocketRequest(random: Random, host: string, login: Login): FuzzRequest {
  const [how, lines] = random.of([
    ...Object.entries(HANDSHAKES),
    ...Array.from({ length: 8 }, () => ['whole', HANDSHAKES['whole'] ?? []] as const),
  ]);
  const [what, frames] = random.of(Object.entries(FRAMES));
  const query = random.of(QUERIES);
  const isWhole = how === 'whole';
  const headers = [`Host: ${host}`, ...login.map(([name, value]) => `${name}: ${value}`), ...lines];
  const end = how === 'half' ? '' : '\r\n\r\n';
  const bytes = Buffer.from(`GET /api/v1/stream${query} HTTP/1.1\r\n${headers.join('\r\n')}${end}`, 'latin1');
  return {
    route: 'stream',
    camera: undefined,
    plain: isWhole,
    mayClose: !isWhole,
    cut: how === 'half',
    kind: isWhole ? `WebSocket: ${what}` : `WebSocket handshake: ${how}`,
    parts: [bytes],
    frames: frames(random),
  };
}

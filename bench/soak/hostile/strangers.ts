import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Random } from '../container-fuzz/random.ts';
import { flood } from './flood.ts';
import { ForeignText } from './foreign.ts';

/** What is at the path of a control socket in place of a node: gets each connection with its first request. */
export type Stranger = (socket: Socket) => void;

type Maker = (random: Random, foreign: ForeignText) => Stranger;

const CHUNK = 64 * 1024;

function http(status: string, body: string | Buffer, more = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${bytes.byteLength}\r\n${more}\r\n`),
    bytes,
  ]);
}

const ends =
  (bytes: string | Buffer): Stranger =>
  (socket) =>
    void socket.end(bytes);

const MODEL = { state: 'ready', reason: null, requests: 1, batches: 1, inference_ms: { p50: 1, p99: 1 }, restarts: 0 };
const CAMERA = {
  state: 'live',
  reason: null,
  reconnects: 0,
  stream: null,
  main: null,
  lost_packets: 0,
  concealed: 0,
  captured: 0,
  skipped: { no_demand: 0, undecodable: 0, late: 0 },
  in_decoder: 0,
  published: 0,
  distributed: 0,
  inbox_drops: 0,
  inbox_pending: 0,
  restarts: 0,
  unsent_results: 0,
  consumers: {},
};

/** A document that a node could answer, with foreign texts in it. */
function document(random: Random, foreign: ForeignText): unknown {
  const text = (): string => foreign.next();
  const record = { number: 1, time: text(), level: 'info', source: text(), message: text() };
  const status = {
    version: 1,
    node: text(),
    vigia: text(),
    pid: 7,
    up_ms: 1,
    shm_bytes: 0,
    mqtt: text(),
    problems: [{ code: text(), camera: text(), message: text() }],
    cameras: { [text()]: { report: CAMERA, message: text(), answers: {} } },
    models: { [text()]: MODEL },
  };
  return random.of<unknown>([
    status,
    { ...status, node: random.json(2) },
    { records: [record], next: 2, lost: 0 },
    { status: 'ok', problems: [] },
    { status: text() },
    { events: [], next: null },
    { text: text(), changes: [text()], revision: 1 },
    random.json(4),
  ]);
}

function floods(head: string, chunk: Buffer): Stranger {
  return (socket) => {
    socket.write(head);
    flood(socket, chunk);
  };
}

const MAKERS: Readonly<Record<string, Maker>> = {
  documents: (random, foreign) => ends(http('200 OK', JSON.stringify(document(random, foreign)))),
  errors: (random, foreign) => {
    const error = random.of<unknown>([
      { code: foreign.line(), message: foreign.next() },
      { code: 'usage', message: foreign.next() },
      { code: 7 },
      [],
      null,
    ]);
    return ends(http(`${random.of([400, 401, 404, 409, 500, 503])} No`, JSON.stringify({ error })));
  },
  'status lines': (random, foreign) =>
    ends(
      `HTTP/${random.of(['1.1', '1.0', '2', ''])} ${random.of(['200', '204', '304', '100', '999', '-1', ''])} ${foreign.line().slice(0, 500)}\r\n\r\n{}`,
    ),
  headers: (random, foreign) =>
    ends(
      http(
        '200 OK',
        '{}',
        `${random.of(['X', 'Set-Cookie', 'Content-Encoding', 'Transfer-Encoding', 'Location'])}: ${foreign.line().slice(0, 500)}\r\n`.repeat(
          random.of([1, 20, 2_000]),
        ),
      ),
    ),
  'lengths that are not true': (random) =>
    ends(
      `HTTP/1.1 200 OK\r\nContent-Length: ${random.of(['1000', '-1', 'x', '99999999999999999999', '1'])}\r\n\r\n{"a":1}`,
    ),
  chunks: (random) =>
    ends(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${random.of(['zz\r\n', 'ffffffffff\r\nx', '2\r\n{}\r\n', '2\r\n{}\r\n0\r\nT: x\r\n\r\n'])}`,
    ),
  'other protocols': (random, foreign) =>
    ends(
      random.of([
        'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
        '220 mail\r\n',
        foreign.next(),
        '\u0016\u0003\u0001',
      ]),
    ),
  'announced answers': (random) =>
    ends(`${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(random.of([1, 100, 10_000]))}${http('200 OK', '{}').toString()}`),
  encodings: (random) => {
    const body = random.of([
      gzipSync(Buffer.alloc(1_000_000)),
      Buffer.from('{}', 'utf16le'),
      Buffer.from([0xff, 0xfe, 0xc0]),
    ]);
    return ends(http('200 OK', body, random.of(['Content-Encoding: gzip\r\n', ''])));
  },
  nesting: (random) => ends(http('200 OK', '['.repeat(random.of([10, 5_000, 500_000])))),
  mutated: (random, foreign) => ends(random.mutated(http('200 OK', JSON.stringify(document(random, foreign))))),
  'random bytes': (random) => ends(random.bytes(random.int(0, 300))),
  ends: () => (socket) => void socket.destroy(),
  'half a document': (random, foreign) => {
    const bytes = http('200 OK', JSON.stringify(document(random, foreign)));
    return ends(bytes.subarray(0, random.int(0, bytes.byteLength)));
  },
  'no answer': () => () => undefined,
  'an answer without end': (random) =>
    floods(
      `HTTP/1.1 ${random.of(['200 OK', '500 No'])}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      Buffer.concat([Buffer.from(`${CHUNK.toString(16)}\r\n`), Buffer.alloc(CHUNK, 0x78), Buffer.from('\r\n')]),
    ),
  'a head without end': () => floods('HTTP/1.1 200 OK\r\n', Buffer.from('X: y\r\n'.repeat(1_000))),
};
const NAMES = Object.keys(MAKERS);
/** These cost seconds, or many bytes. */
const RARE = new Set(['no answer', 'an answer without end', 'a head without end']);
const RARE_ONE_IN = 12;

/** A generated stranger. It knows no secrets: what it says was never ours. */
export function strangerOf(random: Random): Stranger {
  const drawn = random.of(NAMES);
  const name = RARE.has(drawn) && !random.once(RARE_ONE_IN) ? 'documents' : drawn;
  return MAKERS[name]?.(random, new ForeignText(random, false)) ?? ends('');
}

import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';
import { type CameraRequest, type CameraScript, ok, SDP, usual } from './hostile-camera.ts';
import { LOGIN } from './planted.ts';

type Spoil = (random: Random, foreign: ForeignText) => (request: CameraRequest) => string | Buffer | undefined;

const METHODS = ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY'];
const STATUSES = [
  '200',
  '302',
  '400',
  '401',
  '403',
  '404',
  '451',
  '453',
  '454',
  '461',
  '500',
  '503',
  '0',
  '99',
  '999999',
  '-1',
  'x',
  '',
];
const HEADERS = [
  'Session',
  'Transport',
  'Public',
  'Content-Base',
  'Content-Location',
  'CSeq',
  'Server',
  'Location',
  'RTP-Info',
  'WWW-Authenticate',
  'Content-Type',
  '__proto__',
];
const LENGTHS = [
  '-1',
  '0',
  '1',
  '70000',
  '65536',
  '99999999999',
  '1e3',
  '0x10',
  'x',
  '',
  '18446744073709551616',
  'Infinity',
];
const CHALLENGES = [
  'Basic realm="x"',
  'Basic',
  'Digest realm="x", nonce="n"',
  'Digest realm="x", nonce="n", qop="auth", algorithm=SHA-256',
  'Digest realm="x", nonce="n", qop="auth-int"',
  'Digest algorithm=MD5-sess',
  'Digest realm="x", nonce="n", stale=true',
  'Negotiate abc',
  'Digest realm="\\"',
  'Digest ,,,,===',
];

const SPOILS: Readonly<Record<string, Spoil>> = {
  'status lines': (random, foreign) => {
    const [status, phrase] = [random.of(STATUSES), random.once(3) ? foreign.next() : foreign.line()];
    return ({ cseq }) =>
      `${random.of(['RTSP/1.0', 'RTSP/2.0', 'RTSP/', 'RTSP/1.0 '])} ${status} ${phrase}\r\nCSeq: ${cseq}\r\n\r\n`;
  },
  'headers of any kind': (random, foreign) => {
    const count = random.of([1, 3, 20, 500]);
    const line = (): string => `${random.of(HEADERS)}${random.of([': ', ':', ' ', ''])}${foreign.line().slice(0, 200)}`;
    const lines = Array.from({ length: count }, line).join('\r\n');
    return ({ cseq }) => ok(cseq, `${lines}\r\n`, SDP);
  },
  lengths: (random) => {
    const length = random.of(LENGTHS);
    return ({ cseq }) => `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nContent-Length: ${length}\r\n\r\n${SDP}`;
  },
  challenges: (random, foreign) => {
    const all = Array.from({ length: random.int(1, 4) }, () =>
      random.once(2)
        ? random.of(CHALLENGES)
        : `Digest realm=${JSON.stringify(foreign.line().slice(0, 100))}, nonce="${foreign.line().slice(0, 100)}"`,
    );
    const lines = all.map((one) => `WWW-Authenticate: ${one}\r\n`).join('');
    return ({ cseq }) => `RTSP/1.0 401 ${foreign.line().slice(0, 50)}\r\nCSeq: ${cseq}\r\n${lines}\r\n`;
  },
  // Also the login, which it was given.
  'what it was sent': (random) => {
    const status = random.of(STATUSES);
    return ({ cseq, text }) => {
      const login = /Authorization: (.*)/.exec(text)?.[1];
      if (login === undefined) return `RTSP/1.0 401 No\r\nCSeq: ${cseq}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n`;
      return `RTSP/1.0 ${status} ${login} ${LOGIN.password}\r\nCSeq: ${cseq}\r\n\r\n`;
    };
  },
  'other numbers': (random) => {
    const cseq = random.of(['0', '-1', '999', 'x', '', '1, 2', '1'.repeat(100)]);
    return (request) => usual({ ...request, cseq });
  },
  'two answers': (random) => (request) => usual(request).repeat(random.of([2, 3, 200])),
  'requests of its own': (random, foreign) => {
    const flood = random.of([1, 10, 3_000]);
    const method = random.of(['OPTIONS', 'ANNOUNCE', 'REDIRECT', 'SET_PARAMETER', 'TEARDOWN']);
    const headers = `CSeq: ${foreign.line().slice(0, 100)}\r\n`;
    return (request) => `${`${method} rtsp://x/ RTSP/1.0\r\n${headers}\r\n`.repeat(flood)}${usual(request)}`;
  },
  garbage: (random) => {
    const bytes = random.bytes(random.of([1, 4, 100, 5_000]));
    return (request) => Buffer.concat([bytes, Buffer.from(usual(request))]);
  },
  'a header without end': (random, foreign) => {
    const line = `X: ${foreign.line().slice(0, 500)}\r\n`;
    return ({ cseq }) => `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${line.repeat(random.of([10, 1_000]))}`;
  },
  'packets before their time': (random) => {
    const packets = Buffer.from([0x24, random.int(0, 3), 0, random.of([0, 1, 40])]);
    return (request) =>
      Buffer.concat([Buffer.concat(Array.from({ length: 300 }, () => packets)), Buffer.from(usual(request))]);
  },
  'half an answer': (random) => (request) => {
    const text = usual(request);
    return text.slice(0, random.int(0, text.length - 1));
  },
  mutated: (random) => (request) => random.mutated(Buffer.from(usual(request), 'latin1')),
  'no answer': () => () => undefined,
};
const NAMES = Object.keys(SPOILS);
/** These cost the time limit of an answer. */
const SLOW = new Set(['no answer', 'half an answer', 'lengths', 'a header without end']);

/** A camera that spoils one of its RTSP replies, or all from one on. */
export function rtspScript(random: Random): CameraScript {
  const foreign = new ForeignText(random);
  const drawn = random.of(NAMES);
  const name = SLOW.has(drawn) && !random.once(3) ? 'status lines' : drawn;
  const spoil = SPOILS[name]?.(random, foreign);
  const first = random.of(METHODS);
  const once = random.once(2);
  let spoiling = false;
  return {
    answer: (request) => {
      const isFirst = request.method === first;
      spoiling = isFirst || (spoiling && !once);
      const said = spoiling ? spoil?.(request) : usual(request);
      return typeof said === 'string' ? Buffer.from(said, random.once(2) ? 'utf8' : 'latin1') : said;
    },
    media: [],
    after: random.of(['end', 'end', 'end', 'reset']),
  };
}

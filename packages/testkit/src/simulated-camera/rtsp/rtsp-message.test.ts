import { VigiaError } from '@vigia/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReply, MAX_BODY_BYTES, MAX_HEADER_BYTES, type RtspInput, RtspRequestParser } from './rtsp-message.ts';

const report = Buffer.from([0x24, 1, 0, 3, 0x0d, 0x0a, 0x24]);
const stream = Buffer.concat([
  Buffer.from('OPTIONS rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\nUser-Agent:x: y \r\n\r\n'),
  report,
  Buffer.from('\r\nSET_PARAMETER rtsp://h/s RTSP/1.0\r\ncseq:2\r\nContent-Length: 6\r\n\r\n$ab\r\nc'),
  Buffer.from('PLAY * RTSP/1.0\r\n\r\n'),
]);

function summary(inputs: readonly RtspInput[]): unknown[] {
  return inputs.map((input) =>
    input.kind === 'interleaved'
      ? [input.channel, input.payload.toString('hex')]
      : [input.method, input.uri, Object.fromEntries(input.headers), input.body.toString()],
  );
}

const EXPECTED = [
  ['OPTIONS', 'rtsp://h/s', { cseq: '1', 'user-agent': 'x: y' }, ''],
  [1, '0d0a24'],
  ['SET_PARAMETER', 'rtsp://h/s', { cseq: '2', 'content-length': '6' }, '$ab\r\nc'],
  ['PLAY', '*', {}, ''],
];

describe('RtspRequestParser', () => {
  it('reads requests and interleaved data in one chunk', () => {
    expect(summary(new RtspRequestParser().push(stream))).toEqual(EXPECTED);
  });

  it('reads the same one byte at a time', () => {
    const parser = new RtspRequestParser();
    expect(summary([...stream].flatMap((byte) => parser.push(Buffer.from([byte]))))).toEqual(EXPECTED);
  });

  it.each([
    ['not RTSP', 'GET / HTTP/1.1\r\n\r\n'],
    ['a header without a colon', 'PLAY * RTSP/1.0\r\nnonsense\r\n\r\n'],
    ['a length that is no number', 'PLAY * RTSP/1.0\r\nContent-Length: -1\r\n\r\n'],
  ])('refuses %s', (_, text) => {
    expect(() => new RtspRequestParser().push(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'rtsp_malformed' }),
    );
  });

  it('throws only its own errors, for any input', () => {
    const piece = fc.oneof(
      fc.constantFrom('PLAY * RTSP/1.0\r\n', '\r\n\r\n', 'Content-Length: 3\r\n', '$\0\0\x02'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const parser = new RtspRequestParser();
        try {
          for (const text of pieces) parser.push(Buffer.from(text, 'latin1'));
        } catch (error) {
          expect(error).toBeInstanceOf(VigiaError);
        }
      }),
    );
  });

  it('refuses a header that does not end, before it is long', () => {
    const parser = new RtspRequestParser();
    parser.push(Buffer.alloc(MAX_HEADER_BYTES, 0x41));
    expect(() => parser.push(Buffer.from('A'))).toThrow(expect.objectContaining({ code: 'rtsp_too_large' }));
  });

  it('refuses a body that is too large when it is announced', () => {
    const text = `SET_PARAMETER * RTSP/1.0\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`;
    expect(() => new RtspRequestParser().push(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'rtsp_too_large' }),
    );
  });
});

describe('formatReply', () => {
  it('writes status, CSeq, headers in order and the length of the body in bytes', () => {
    const reply = { status: 200, headers: [['X-b', '1'] as const, ['x-A', '2'] as const], body: 'é' };
    expect(formatReply(reply, '9').toString()).toBe(
      'RTSP/1.0 200 OK\r\nCSeq: 9\r\nX-b: 1\r\nx-A: 2\r\nContent-Length: 2\r\n\r\né',
    );
  });

  it('has no CSeq where there was none', () => {
    expect(formatReply({ status: 461 }, undefined).toString()).toBe('RTSP/1.0 461 Unsupported Transport\r\n\r\n');
  });
});

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Authorization } from './authorization.ts';
import { audioFormatOf, readAudioPayload } from './audio-payload.ts';
import { buildBye, buildReceiverReport, parseRtcp } from './rtcp.ts';
import { emptyRtpHeader, readRtpHeader, RtpTimeline } from './rtp.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import { BODY_LIMIT, HEADER_LIMIT, type RtspMessage, RtspStreamParser } from './rtsp-stream-parser.ts';
import { parseRtspUrl } from './rtsp-url.ts';
import { parameterSetsOf, parseSdp, resolveControl } from './sdp.ts';

describe('the stream parser', () => {
  function parse(
    stream: Buffer,
    step: number,
  ): { messages: RtspMessage[]; packets: [number, string][]; parser: RtspStreamParser } {
    const messages: RtspMessage[] = [];
    const packets: [number, string][] = [];
    const parser = new RtspStreamParser({
      onMessage: (m) => messages.push(m),
      onInterleaved: (channel, packet) => packets.push([channel, packet.toString('hex')]),
    });
    const reused = Buffer.alloc(step);
    for (let at = 0; at < stream.byteLength; at += step)
      parser.push(reused.subarray(0, stream.copy(reused, 0, at, at + step)));
    return { messages, packets, parser };
  }
  const interleaved = (channel: number, hex: string): Buffer => {
    const payload = Buffer.from(hex, 'hex');
    return Buffer.concat([Buffer.from([0x24, channel, payload.byteLength >> 8, payload.byteLength & 0xff]), payload]);
  };

  test('parses responses, packets between them, and requests from the camera, byte by byte or all at once', () => {
    const stream = Buffer.concat([
      Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello'),
      interleaved(0, '8060aabb'),
      Buffer.from(
        'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="a"\r\nWWW-Authenticate: Basic realm="b"\r\n\r\n',
      ),
      interleaved(1, ''),
      Buffer.from('OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 9\r\n\r\n'),
      interleaved(2, 'ff'),
    ]);
    for (const step of [1, 2, 3, 7, stream.byteLength]) {
      const { messages, packets, parser } = parse(stream, step);
      expect(messages.map((m) => [m.status, m.headers.get('cseq'), m.body, m.challenges.length])).toEqual([
        [200, '1', 'hello', 0],
        [401, '2', '', 2],
        [0, '9', '', 0],
      ]);
      expect(packets).toEqual([
        [0, '8060aabb'],
        [1, ''],
        [2, 'ff'],
      ]);
      expect(parser.skippedBytes).toBe(0);
    }
  });

  test('garbage is skipped up to the next packet or response, and counted, also with a `$` in it', () => {
    const garbage = ['\0gar$\x80\x81$\x05\0\x01\x80', '?$\0\0?$\0\0\0x$\0?RTSP/1.0 200 OK\r\n\r\n'];
    const [before, after] = garbage.map((text) => Buffer.from(text, 'latin1')) as [Buffer, Buffer];
    for (const step of [1, 3, 1000]) {
      const stream = [interleaved(0, '80'), before, interleaved(0, '8060'), after];
      const { messages, packets, parser } = parse(Buffer.concat(stream), step);
      expect(packets.map(([, packet]) => packet)).toEqual(['80', '8060']);
      expect(messages).toHaveLength(1);
      expect(parser.skippedBytes).toBe(25);
    }
  });

  test('empty packets do not reset the garbage limit', () => {
    const block = Buffer.from('x$\0\0\0', 'latin1');
    const stream = Buffer.concat(Array.from({ length: 400_000 }, () => block));
    expect(() => parse(stream, 65_536)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  test('throws only typed errors, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (bytes, step) => {
        try {
          parse(Buffer.from(bytes), step);
        } catch (error) {
          expect(error).toMatchObject({ code: 'corrupt' });
        }
      }),
    );
  });

  test('an endless header, a huge body and endless garbage are errors and use no memory', () => {
    const endless = Buffer.concat([Buffer.from('RTSP/1.0 200 OK\r\nX: '), Buffer.alloc(HEADER_LIMIT, 0x61)]);
    expect(() => parse(endless, 1000)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(() => parse(Buffer.from(`RTSP/1.0 200 OK\r\nContent-Length: ${BODY_LIMIT + 1}\r\n\r\n`), 1000)).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    );
    expect(() => parse(Buffer.alloc(300 * 1024, 1), 65_536)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });
});

describe('the session description', () => {
  const sdp = parseSdp(
    'v=0\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 h264/90000\r\n' +
      'a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0I=,aM4=\r\na=control:trackID=2\r\n',
  );

  test.each([
    ['90000', 90_000],
    ['8000', 8_000],
    ['0.0000001', 90_000],
    ['Infinity', 90_000],
    ['NaN', 90_000],
    ['-90000', 90_000],
    ['0', 90_000],
    ['1', 90_000],
    ['1e5', 90_000],
    ['0x10000', 90_000],
    ['4294967296', 90_000],
    ['', 90_000],
  ])('a clock of %s is one of %d', (clock, ticks) => {
    const text = `v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/${clock}\r\n`;
    expect(parseSdp(text).media[0]).toMatchObject({ encoding: 'H264', clockRate: ticks, channels: 1 });
  });

  test.each(['Infinity', '-1', '300', '1.5'])('payload type and channels of %s are none', (number) => {
    const text = `v=0\r\nm=audio 0 RTP/AVP ${number}\r\na=rtpmap:0 PCMU/8000/${number}\r\n`;
    expect(parseSdp(text).media[0]).toMatchObject({ payloadType: 0, encoding: 'PCMU', clockRate: 8_000, channels: 1 });
  });

  test('tracks with their encoding, clock and parameters', () => {
    expect(sdp.media.map((m) => [m.kind, m.payloadType, m.encoding, m.clockRate, m.control])).toEqual([
      ['audio', 0, '', 90_000, 'trackID=1'],
      ['video', 96, 'H264', 90_000, 'trackID=2'],
    ]);
    expect(sdp.media[1]?.fmtp.get('sprop-parameter-sets')).toBe('Z0I=,aM4=');
    expect(sdp.media.map((m) => parameterSetsOf(m)?.toString('hex'))).toEqual([undefined, '0000000167420000000168ce']);
  });

  test.each([
    ['rtsp://h/s/', '*', 'rtsp://h/s/'],
    ['rtsp://h/s/', 'trackID=1', 'rtsp://h/s/trackID=1'],
    ['rtsp://h/s', 'trackID=1', 'rtsp://h/s/trackID=1'],
    ['rtsp://h/s?x=1', 'trackID=1', 'rtsp://h/s?x=1/trackID=1'],
    ['rtsp://h/s', 'rtsp://h/other', 'rtsp://h/other'],
    ['rtsp://h/s/', '/t', 'rtsp://h/s/t'],
  ])('%s + %s → %s', (base, control, url) => {
    expect(resolveControl(base, control)).toBe(url);
  });
});

describe('addresses', () => {
  test.each([
    ['rtsp://h/x', 'rtsp://h/x', 554, undefined],
    ['rtsp://u:p@h:8554/x', 'rtsp://h:8554/x', 8554, { user: 'u', password: 'p' }],
    ['rtsp://u:p%40%2Fw@h', 'rtsp://h/', 554, { user: 'u', password: 'p@/w' }],
    ['rtsp://u:p@w@h/x', 'rtsp://h/x', 554, { user: 'u', password: 'p@w' }],
    ['rtsps://u:p@h/x', 'rtsps://h/x', 322, { user: 'u', password: 'p' }],
    ['rtsp://u@[::1]:8554/a?b=c@d', 'rtsp://[::1]:8554/a?b=c@d', 8554, { user: 'u', password: '' }],
  ])('%s', (text, url, port, credentials) => {
    expect(parseRtspUrl(text)).toMatchObject({ url, port });
    expect(parseRtspUrl(text).credentials).toEqual(credentials);
  });

  test.each([
    ['rtsp://u:p@h:8554/live?user=a&password=secret', 'rtsp://h:8554/live'],
    ['rtsp://h/user=a&password=secret&channel=1', 'rtsp://h/user=a&password=***&channel=1'],
  ])('what people are shown of %s', (text, name) => {
    expect(parseRtspUrl(text).name).toBe(name);
  });

  test('an invalid address is refused without repeating it', () => {
    for (const text of ['http://h', 'rtsp://', 'rtsp://u:secret@', 'rtsp://h:99999/']) {
      expect(() => parseRtspUrl(text)).toThrow(
        expect.objectContaining({ code: 'not_found', message: expect.not.stringContaining('secret') }),
      );
    }
  });
});

describe('authorization', () => {
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

  test('Digest without qop, as most cameras use', () => {
    const auth = new Authorization({ user: 'admin', password: 'pw' });
    expect(auth.header('OPTIONS', 'rtsp://h/')).toBeUndefined();
    expect(auth.challenge(['Digest realm="IP Camera", nonce="abc"', 'Basic realm="x"'])).toBe(true);
    const response = md5(`${md5('admin:IP Camera:pw')}:abc:${md5('DESCRIBE:rtsp://h/')}`);
    expect(auth.header('DESCRIBE', 'rtsp://h/')).toBe(
      `Digest username="admin", realm="IP Camera", nonce="abc", uri="rtsp://h/", response="${response}"`,
    );
  });

  test('the example of RFC 7616, 3.9.1, both algorithms (with our own cnonce put back)', () => {
    for (const [algorithm, name] of [
      ['MD5', 'md5'],
      ['SHA-256', 'sha256'],
    ] as const) {
      const h = (text: string): string => createHash(name).update(text).digest('hex');
      const auth = new Authorization({ user: 'Mufasa', password: 'Circle of Life' });
      auth.challenge([
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
      ]);
      const header = auth.header('GET', '/dir/index.html') ?? '';
      const cnonce = /cnonce="([^"]+)"/.exec(header)?.[1];
      const expected = h(
        `${h('Mufasa:http-auth@example.org:Circle of Life')}:7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:00000001:${cnonce}:auth:${h('GET:/dir/index.html')}`,
      );
      expect(header).toContain(`response="${expected}"`);
      expect(header).toContain('opaque="FQhe');
      expect(auth.header('GET', '/dir/index.html')).toContain('nc=00000002');
    }
  });

  test('several challenges in one line are separated', () => {
    const answer = (line: string): string | undefined => {
      const auth = new Authorization({ user: 'u', password: 'p' });
      return auth.challenge([line]) ? auth.header('GET', '/x') : undefined;
    };
    expect(answer('Basic realm="bas", Digest realm="dig", nonce="n", qop="auth"')).toMatch(/^Digest .*realm="dig"/);
    expect(answer('Digest realm="dig", nonce="n", Basic realm="bas"')).toMatch(/^Digest .*realm="dig"/);
    expect(answer('Bearer realm="x"')).toBeUndefined();
  });

  test('a nonce that was accepted has only expired: Digest goes on, also where Basic is offered', () => {
    const auth = new Authorization({ user: 'u', password: 'p' });
    const offer = (nonce: string): string[] => [`Digest realm="r", nonce="${nonce}"`, 'Basic realm="r"'];
    for (const nonce of ['a', 'b', 'c']) {
      expect(auth.challenge(offer(nonce))).toBe(true);
      expect(auth.header('PLAY', '/x')).toMatch(new RegExp(`^Digest .*nonce="${nonce}"`));
      auth.accepted();
    }
    expect(auth.renew(offer('d')) && auth.header('PLAY', '/x')).toMatch(/^Digest .*nonce="d"/);
    // Never accepted: refused.
    expect(auth.challenge(offer('e')) && auth.header('PLAY', '/x')).toMatch(/^Basic /);
    expect(auth.challenge(offer('f'))).toBe(false);
  });

  test('Basic when only that is offered; an unknown scheme is not answered', () => {
    const auth = new Authorization({ user: 'u', password: 'p' });
    expect(auth.challenge(['Digest realm="x", algorithm=SHA-512-256, nonce="n"'])).toBe(false);
    expect(auth.challenge(['Basic realm="x"'])).toBe(true);
    expect(auth.header('OPTIONS', '*')).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
  });
});

describe('RTP', () => {
  test('CSRC, extension and padding are skipped', () => {
    const packet = Buffer.from('b1e00001000000020000000311111111beef00012222222241420002', 'hex');
    const header = emptyRtpHeader();
    expect(readRtpHeader(packet, header)).toBe(true);
    expect(header).toMatchObject({ marker: true, payloadType: 96, sequence: 1, timestamp: 2, ssrc: 3 });
    expect(packet.subarray(header.payloadStart, header.payloadEnd).toString()).toBe('AB');
  });

  test('truncated packets and other versions are refused', () => {
    const header = emptyRtpHeader();
    for (const hex of [
      '',
      '80',
      '40e00001000000020000000300',
      '9fe000010000000200000003',
      '90e000010000000200000003beef',
    ]) {
      expect(readRtpHeader(Buffer.from(hex, 'hex'), header)).toBe(false);
    }
  });

  test('the timeline continues across the 32-bit wrap, and steps back for reordered pictures', () => {
    const timeline = new RtpTimeline();
    const start = timeline.unwrap(0xffff_ff00);
    expect(timeline.unwrap(0x100) - start).toBe(0x200);
    expect(timeline.unwrap(0xffff_fff0) - start).toBe(0xf0);
  });

  test('a sender report and a BYE are parsed from a compound packet; a receiver report has every field in place', () => {
    const sr = Buffer.alloc(28);
    sr.writeUInt32BE(0x80c80006, 0);
    sr.writeUInt32BE(7, 4);
    sr.writeUInt32BE(2_208_988_800 + 10, 8);
    sr.writeUInt32BE(0x8000_0000, 12);
    sr.writeUInt32BE(1234, 16);
    const bye = Buffer.from('81cb000100000007', 'hex');
    expect(parseRtcp(Buffer.concat([sr, bye]))).toMatchObject({
      byes: [7],
      report: { ssrc: 7, ntpMs: 10_500, rtpTime: 1234 },
    });
    const other = Buffer.from(sr);
    other.writeUInt32BE(8, 4);
    for (const both of [Buffer.concat([sr, other]), Buffer.concat([other, sr])])
      expect(parseRtcp(both, 7).report?.ssrc).toBe(7);
    expect(parseRtcp(other, 7).report).toBeUndefined();
    expect(parseRtcp(sr.subarray(0, 20))).toEqual({ report: undefined, byes: [] });
    const rr = buildReceiverReport({
      ownSsrc: 1,
      senderSsrc: 7,
      highestSequence: 500,
      lost: 3,
      fractionLost: 64,
      jitterTicks: 11,
      lastReportMiddle: 9,
      sinceLastReportMs: 1000,
    });
    expect([
      rr.readUInt16BE(0),
      rr.readUInt16BE(2),
      rr.readUInt32BE(8),
      rr.readUIntBE(13, 3),
      rr.readUInt32BE(16),
      rr.readUInt32BE(28),
      rr[12],
      rr.readUInt32BE(20),
    ]).toEqual([0x81c9, 7, 7, 3, 500, 65_536, 64, 11]);
    // RFC 3550 requires a compound packet: a CNAME follows, and the whole can be parsed.
    expect(rr.toString('hex', 32)).toBe(`81ca0003000000010105${Buffer.from('vigia').toString('hex')}00`);
    expect(parseRtcp(Buffer.concat([rr, buildBye(1)]))).toEqual({ report: undefined, byes: [1] });
  });
});

describe('RTCP BYE', () => {
  const byesOf = (hex: string): readonly number[] => parseRtcp(Buffer.from(hex, 'hex')).byes;

  test('names those who leave: none, several, in two packets, no more than it holds', () => {
    expect(byesOf('80cb000000000000')).toEqual([]);
    expect(byesOf('82cb00020000000700000008')).toEqual([7, 8]);
    expect(byesOf('81cb00010000000781cb000100000008')).toEqual([7, 8]);
    expect(byesOf('9fcb000100000007')).toEqual([7]);
    // With a reason for leaving, which is no SSRC.
    expect(byesOf('81cb00020000000703656e64')).toEqual([7]);
  });
});

describe('receiver statistics', () => {
  function receive(receiver: RtpReceiver, sequences: readonly number[], jitterMs = 0): void {
    for (const [i, sequence] of sequences.entries())
      receiver.observe({ ...emptyRtpHeader(), sequence, timestamp: i * 9000, ssrc: 5 }, i * 100 + (i % 2) * jitterMs);
  }

  test('total loss and loss since the last report, across the wrap of sequence numbers', () => {
    const receiver = new RtpReceiver(90_000);
    receive(receiver, [65_533, 65_534, 1, 2]);
    expect([receiver.highestSequence, receiver.lost, receiver.ssrc]).toEqual([65_536 + 2, 2, 5]);
    expect(receiver.takeFractionLost()).toBe(Math.floor((2 * 256) / 6));
    receive(receiver, [3, 4]);
    expect(receiver.takeFractionLost()).toBe(0);
  });

  test('jitter follows the variation of transit times, but ignores a clock jump', () => {
    const steady = new RtpReceiver(90_000);
    receive(steady, [1, 2, 3, 4, 5, 6]);
    expect(steady.jitterTicks).toBe(0);
    const shaky = new RtpReceiver(90_000);
    receive(
      shaky,
      Array.from({ length: 200 }, (_, i) => i),
      10,
    );
    // ±10 ms between successive packets: 900 ticks.
    expect(shaky.jitterTicks).toBeGreaterThan(800);
    expect(shaky.jitterTicks).toBeLessThan(1000);
  });
});

describe('audio', () => {
  const audio = (text: string): ReturnType<typeof audioFormatOf> => {
    const media = parseSdp(`v=0\r\n${text}`).media[0];
    return media && audioFormatOf(media);
  };

  test('the formats of cameras; others are ignored', () => {
    expect(audio('m=audio 0 RTP/AVP 8\r\n')).toMatchObject({ codec: 'pcma', sampleRate: 8000, channels: 1 });
    expect(audio('m=audio 0 RTP/AVP 97\r\na=rtpmap:97 PCMU/16000/2\r\n')).toMatchObject({
      codec: 'pcmu',
      sampleRate: 16_000,
      channels: 2,
    });
    const aac = 'm=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=AAC-hbr;sizelength=13;';
    expect(audio(`${aac}indexlength=3;config=1408; profile=1;\r\n`)).toMatchObject({
      codec: 'aac',
      sampleRate: 16_000,
      config: Buffer.from('1408', 'hex'),
    });
    expect(audio(`${aac}indexlength=3\r\n`)).toBeUndefined();
    expect(audio('m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\n')).toBeUndefined();
  });

  test('AAC frames by their headers; malformed payloads give nothing and do not throw', () => {
    const format = { codec: 'aac', sampleRate: 16_000, channels: 1, config: Buffer.from('1408', 'hex') } as const;
    const read = (bytes: Buffer): [string, number][] => {
      const pieces: [string, number][] = [];
      readAudioPayload(format, bytes, 0, bytes.byteLength, (data, after) => pieces.push([data.toString('hex'), after]));
      return pieces;
    };
    expect(read(Buffer.from('002000100018aabbccddee', 'hex'))).toEqual([
      ['aabb', 0],
      ['ccddee', 1024],
    ]);
    expect(read(Buffer.from('0020001000f8aabb', 'hex'))).toEqual([['aabb', 0]]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void read(Buffer.from(bytes))));
  });
});

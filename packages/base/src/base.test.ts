import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { every, FakeClock, sleep } from './clock.ts';
import { Deadline } from './deadline.ts';
import { encodeFrame, encodeJson, FrameDecoder } from './framing.ts';
import { LineSplitter } from './line-splitter.ts';
import { printable, printableJson, quoted, quotedLines } from './foreign-text.ts';
import { createLog, formatRecord, type LogRecord, parseLogLine } from './log.ts';
import { addSecret, redact } from './secrets.ts';
import { Scope } from './scope.ts';

describe('framing', () => {
  test('any messages, cut anywhere, come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 7 }), (messages, step) => {
        const decoder = new FrameDecoder(64);
        const stream = Buffer.concat(messages.map((m) => encodeFrame(m)));
        const out: Buffer[] = [];
        for (let at = 0; at < stream.byteLength; at += step) out.push(...decoder.push(stream.subarray(at, at + step)));
        expect(out).toEqual(messages.map((m) => Buffer.from(m)));
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });

  test('a length above the limit is an error before its bytes are held', () => {
    const decoder = new FrameDecoder(1024);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(1025);
    expect(() => decoder.push(head)).toThrow(expect.objectContaining({ code: 'frame_too_large' }));
  });

  test('messages before one that is too long are given out first', () => {
    const decoder = new FrameDecoder(4);
    const chunk = Buffer.concat([encodeFrame(Buffer.from('ab')), encodeFrame(Buffer.from('too long'))]);
    expect(decoder.push(chunk)).toEqual([Buffer.from('ab')]);
    expect(() => decoder.check()).toThrow(expect.objectContaining({ code: 'frame_too_large' }));
    expect(() => decoder.push(Buffer.alloc(0))).toThrow(expect.objectContaining({ code: 'frame_too_large' }));
  });

  test('JSON is counted in bytes, not in characters', () => {
    const [payload] = new FrameDecoder(1024).push(encodeJson({ name: 'Straße' }));
    expect(JSON.parse((payload as Buffer).toString('utf8'))).toEqual({ name: 'Straße' });
  });
});

describe('time', () => {
  test('sleep ends by time, or with the signal’s reason and no timer left', async () => {
    const clock = new FakeClock();
    const slept = sleep(clock, 100);
    clock.advance(100);
    await slept;
    const abort = new AbortController();
    const cut = sleep(clock, 100, abort.signal);
    abort.abort(new Error('enough'));
    await expect(cut).rejects.toThrow('enough');
    expect(clock.pendingTimers).toBe(0);
  });

  test('every calls until cancelled', () => {
    const clock = new FakeClock();
    let calls = 0;
    const timer = every(clock, 10, () => (calls += 1));
    clock.advance(35);
    timer.cancel();
    clock.advance(100);
    expect(calls).toBe(3);
  });

  test('a deadline that is set again and again costs one timer, and passes once', () => {
    const clock = new FakeClock();
    let passed = 0;
    const deadline = new Deadline(clock, () => (passed += 1));
    for (let i = 0; i < 50; i += 1) {
      deadline.set(100);
      expect(clock.pendingTimers).toBe(1);
      clock.advance(10);
    }
    expect(passed).toBe(0);
    clock.advance(100);
    expect(passed).toBe(1);
    deadline.set(100);
    deadline.clear();
    clock.advance(1000);
    expect(passed).toBe(1);
    deadline.set(100);
    deadline.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('back-off doubles up to its cap, shortened by jitter only', () => {
    const plain = new Backoff({ firstMs: 100, maxMs: 500, jitter: 0 });
    expect([plain.next(), plain.next(), plain.next(), plain.next(), plain.next()]).toEqual([100, 200, 400, 500, 500]);
    plain.reset();
    expect(plain.next()).toBe(100);
    expect(new Backoff({ firstMs: 100, maxMs: 500, random: () => 0.999_999 }).next()).toBeCloseTo(70, 1);
  });
});

describe('a scope', () => {
  test('closes in reverse, once, all of it even when one fails, and at once what comes late', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => void order.push('first'));
    scope.defer(() => {
      order.push('second');
      throw new Error('second failed');
    });
    scope.defer(async () => void order.push('third'));
    const closing = scope.close();
    expect(scope.close()).toBe(closing);
    await expect(closing).rejects.toThrow('second failed');
    expect(order).toEqual(['third', 'second', 'first']);
    const closed = new Scope();
    await closed.close();
    closed.defer(() => void order.push('late'));
    await closed.close();
    expect(order.at(-1)).toBe('late');
  });
});

describe('the log', () => {
  test('secrets and the user part of addresses never come out', () => {
    addSecret('s3cr3t/word');
    const records: LogRecord[] = [];
    const log = createLog('camera:hall', (record) => records.push(record));
    log.info('rtsp://viewer:other@10.0.0.1/x with s3cr3t/word and s3cr3t%2Fword');
    log.debug('below the level');
    expect(records.map((r) => r.message)).toEqual(['rtsp://***@10.0.0.1/x with *** and ***']);
    expect(redact('mqtt://a:b@h')).toBe('mqtt://***@h');
    expect(formatRecord({ ...(records[0] as LogRecord), time: '2026-01-02T03:04:05.000Z' })).toMatch(
      /^03:04:05 info {2}camera:hall: /,
    );
  });

  test('of secrets that overlap, or reach beyond the user part of an address, nothing is left', () => {
    for (const secret of ['inner', 'an-inner-secret', 'p@ss/w:rd-7']) addSecret(secret);
    expect(redact('it is an-inner-secret, with inner inside')).toBe('it is ***, with *** inside');
    expect(redact('rtsp://u:p@ss/w:rd-7@h/x')).toBe('rtsp://***@h/x');
    expect(redact('rtsp://inner:inner@h innerinner')).toBe('rtsp://***@h ******');
  });

  test('no user part is left, wherever the scheme begins; a text without any stays as it is', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'Z', '1', '.', '-', ':', '/', '@', ' ', 'é') }),
      fc.array(fc.constantFrom('a', '://', '@', '1', '/', ' ', 'rtsp://u:p@h')).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (line) => {
        expect(redact(line)).not.toMatch(/[a-z][a-z0-9+.-]*:\/\/(?!\*\*\*@)[^\s/@]+@/i);
        if (!line.includes('@')) expect(redact(line)).toBe(line);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['a slash', 'at rtsp://u:pa/ss@h:554/live', 'at rtsp://***@h:554/live'],
    ['an @', 'rtsp://u:p@ss@h/x', 'rtsp://***@h/x'],
    ['both, in JSON', '{"a":"rtsp://u:p@/ss@h/x","b":"me@h"}', '{"a":"rtsp://***@h/x","b":"me@h"}'],
    ['a port is no password', 'rtsp://h:554/x@y', 'rtsp://h:554/x@y'],
    ['nor is a port of IPv6', 'rtsp://[::1]:554/x', 'rtsp://[::1]:554/x'],
    ['a hint', 'mqtt://[user:password@]host[:port]', 'mqtt://[user:password@]host[:port]'],
    ['a query', 'http://h/user=a&password=hush&channel=1', 'http://h/user=a&password=***&channel=1'],
    ['a header', 'Authorization: Basic dTpw, then', 'Authorization: Basic ***, then'],
  ])('a login that nobody registered, with %s', (_name, text, shown) => {
    expect(redact(text)).toBe(shown);
    expect(redact(redact(text))).toBe(redact(text));
  });

  test.each([
    ['in a URL', encodeURIComponent],
    ['in a URL, in lower case', (s: string) => encodeURIComponent(s).replaceAll(/%../g, (c) => c.toLowerCase())],
    ['in a form', (s: string) => new URLSearchParams({ a: s }).toString()],
    ['in JSON', (s: string) => JSON.stringify({ a: s })],
    ['in JSON of Python', (s: string) => JSON.stringify(s).replaceAll('ö', '\\u00f6')],
    ['in JSON of PHP', (s: string) => JSON.stringify(s).replaceAll('/', '\\/')],
    ['in Base64', (s: string) => Buffer.from(s).toString('base64')],
    ['in Base64 of URLs', (s: string) => Buffer.from(s).toString('base64url')],
    ['as UTF-16 that is read as bytes', (s: string) => Buffer.from(s, 'utf16le').toString('latin1').slice(0, -1)],
    ['without the line end', (s: string) => s.trim()],
  ])('a secret is found %s', (_name, encode) => {
    addSecret('wört"er/7 >?~\n');
    const text = encode('wört"er/7 >?~\n');
    expect(redact(`a ${text} b`)).toContain('***');
    for (const part of ['rt', 'er', '7']) expect(redact(`= ${text} =`).replaceAll('***', '')).not.toContain(part);
  });

  test('what comes from outside is on one line, printable, short and without secrets', () => {
    addSecret('long-secret-word');
    expect(quoted('a\u001b[31mb\r\nc\u202ed')).toBe('a\ufffd[31mb  c\ufffdd');
    expect(quoted('x'.repeat(900_046))).toHaveLength(200);
    // Cut first, the half secret would stay.
    expect(quoted(`${'x'.repeat(15)}long-secret-word`, 20)).toBe(`${'x'.repeat(15)}***`);
    expect(quoted('ab😀', 3)).toBe('ab…');
    // Redacted before it is made printable: the secret would have another form then.
    addSecret('tab\tand\u0007bell');
    expect(quoted('tab\tand\u0007bell')).toBe('***');
    expect(printable('Größe 人 😀')).toBe('Größe 人 😀');
    expect(printable('half \ud83d')).toBe('half \ufffd');
  });

  test('the lines of an error stay lines, a bounded number of them', () => {
    expect(quotedLines('a\n\u001bb rtsp://u:p/w@h\n')).toEqual(['a', '\ufffdb rtsp://***@h', '']);
    expect(quotedLines('x\n'.repeat(40_000))).toHaveLength(100);
  });

  test('JSON whose characters a terminal shows means the same', () => {
    const value = { a: '\u009b2J\u202e\u2028\u007f\u{e0041}ö', b: ['\u001b', 1] };
    const text = printableJson(value);
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(text).toContain('ö');
    expect(JSON.parse(text)).toEqual(value);
  });

  test('a log line is printable and bounded, and a child cannot claim another origin or time', () => {
    const records: LogRecord[] = [];
    const log = createLog('x', (record) => records.push(record));
    log.warn(`a\u001b[2J\n12:00:00 info  supervisor: all is well${'y'.repeat(60_109)}`);
    expect(records[0]?.message).toMatch(/^a\ufffd\[2J 12:00:00 info/);
    expect(records[0]?.message.length).toBe(4_000);
    // A child's line is cut before it is redacted: half of a secret at its end is not shown.
    addSecret('half-of-this-secret');
    const cut = `${'z'.repeat(8_180)}half-of-this-secret`.slice(0, 8_192);
    expect(parseLogLine(cut, 'child').message).not.toContain('half');
    const claimed = { level: 'info', time: 7, from: 'a\nb\u001b', message: 'm\u009b' };
    const { time, from, message } = parseLogLine(JSON.stringify(claimed), 'child');
    expect([from, message]).toEqual(['a b\ufffd', 'm\ufffd']);
    expect(new Date(time).toISOString()).toBe(time);
    expect(parseLogLine('{"level":"constructor","message":"m"}', 'child').level).toBe('warn');
    expect(parseLogLine('Segm\u001bentation', 'child').message).toBe('Segm\ufffdentation');
  });

  test('a long text takes time in proportion: minutes each, were it not so', () => {
    for (const part of ['a', '1', 'a:', '://', 'a://', 'a@', 'a.a']) {
      const text = part.repeat((1024 * 1024) / part.length);
      expect(redact(text) === text).toBe(true);
    }
    expect(redact(`x://${'a'.repeat(1024 * 1024)}@h`)).toBe('x://***@h');
  });

  test('a child’s lines are read back; anything else is shown as a warning', () => {
    const record: LogRecord = { level: 'info', time: '2026-01-02T03:04:05.000Z', from: 'x', message: 'm' };
    expect(parseLogLine(JSON.stringify(record), 'child')).toEqual(record);
    expect(parseLogLine('{"level":"loud"', 'child')).toMatchObject({ level: 'warn', from: 'child' });
    expect(parseLogLine('Segmentation fault', 'child').message).toBe('Segmentation fault');
  });

  test('lines are cut where they end, and bounded', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    splitter.push('a\nb');
    splitter.push('c\n\n');
    splitter.push('x'.repeat(100_000));
    splitter.end();
    expect(lines.slice(0, 2)).toEqual(['a', 'bc']);
    expect(lines[2]?.length).toBe(8_192);
  });

  test('a progress bar is returned as it advances, and does not swallow the line after it', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (let i = 0; i < 1_000; i += 1) splitter.push(`\r${String(i).padStart(40)}`);
    expect(lines.length).toBe(999);
    splitter.push('\nTraceback\r');
    splitter.push('\n\r\n');
    expect(lines.slice(-2)).toEqual(['999'.padStart(40), 'Traceback']);
    splitter.end();
    expect(lines.length).toBe(1_001);
  });

  test('any text, cut anywhere, gives the same lines', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n', '\r\n') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5 }), (whole, step) => {
        const lines: string[] = [];
        const splitter = new LineSplitter((line) => lines.push(line));
        for (let at = 0; at < whole.length; at += step) splitter.push(whole.slice(at, at + step));
        splitter.end();
        expect(lines).toEqual(whole.match(/[^\r\n]+/g) ?? []);
      }),
    );
  });
});

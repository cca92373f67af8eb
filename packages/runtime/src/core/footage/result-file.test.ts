import { expect, test } from 'vitest';
import { hourOf, parseResultLine, parseResultPath, RESULT_LINE_LIMIT, ResultLines, resultPath } from './result-file.ts';

const AT = Date.parse('2026-11-23T14:59:59.999Z');

test('a name says camera and hour, and nothing else is one', () => {
  const name = { camera: 'hall', hourMs: hourOf(AT) };
  expect(resultPath(name)).toBe('hall/2026-11-23/140000000.results.jsonl');
  expect(parseResultPath(resultPath(name))).toEqual(name);
  const others = [
    'hall/2026-11-23/240000000.results.jsonl',
    'hall/2026-11-23/140000001.results.jsonl',
    'hall/2026-13-23/140000000.results.jsonl',
    'hall/2026-11-23/140000000.results.jsonl.moving',
    'Hall/2026-11-23/140000000.results.jsonl',
    'hall/2026-11-23/x/140000000.results.jsonl',
    resultPath({ camera: 'hall', hourMs: hourOf(8e15) }),
  ];
  expect(others.map(parseResultPath)).toEqual(others.map(() => undefined));
});

test('lines are the same however the bytes are cut, and one that is too long is left out', () => {
  const fits = 'é'.repeat((RESULT_LINE_LIMIT - 2) / 2) + 'x';
  const text = Buffer.from(`first\n\n${fits}\n${fits}y\nlast\nno end`);
  for (const size of [1, 7, 1_000, RESULT_LINE_LIMIT, text.byteLength]) {
    const lines = new ResultLines();
    const found: string[] = [];
    for (let at = 0; at < text.byteLength; at += size) found.push(...lines.push(text.subarray(at, at + size)));
    expect([size, found.map((line) => line.length)]).toEqual([size, [5, fits.length, 4]]);
    expect(found[1]).toBe(fits);
  }
});

test('a line that never ends takes no memory', () => {
  const lines = new ResultLines();
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1_000; i += 1) lines.push(chunk);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  expect(lines.push(Buffer.from('\nnext\n'))).toEqual(['next']);
});

test('a line is a result of the camera with a time', () => {
  const captured_at = new Date(AT).toISOString();
  expect(parseResultLine(JSON.stringify({ camera: 'hall', captured_at, more: 1 }), 'hall')).toEqual({
    atMs: AT,
    result: { camera: 'hall', captured_at, more: 1 },
  });
  const others = [
    '',
    '{"camera":"hall","captured_at":"2026-11-',
    'null',
    '[]',
    JSON.stringify({ camera: 'yard', captured_at }),
    JSON.stringify({ camera: 'hall', captured_at: AT }),
    JSON.stringify({ camera: 'hall', captured_at: 'yesterday' }),
    JSON.stringify({ camera: 'hall', captured_at: captured_at + ' '.repeat(40) }),
  ];
  expect(others.map((line) => parseResultLine(line, 'hall'))).toEqual(others.map(() => undefined));
});

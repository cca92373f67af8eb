import { addSecret, createLog, FakeClock, type LogRecord } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { WorkerLog } from './worker-log.ts';

const SECRET = 'hunter2-hunter2-hunter2';
const ADDRESS = 'rtsp://viewer:geheim@10.0.0.1/x';
addSecret(SECRET);

/** What is kept of a line, and what the node's log gets of the same text as a message. */
function shown(text: string): string {
  const clock = new FakeClock();
  const logged: LogRecord[] = [];
  const log = new WorkerLog(
    clock,
    createLog('w', (record) => logged.push(record), 'info', clock),
  );
  log.line(text);
  log.write('info', text);
  const [line = ''] = log.last;
  expect(logged.map(({ message }) => message)).toEqual([line, line]);
  expect(line.length).toBeLessThanOrEqual(500);
  return line;
}

describe('the shown part of a line', () => {
  test('is its beginning, or all of a short line', () => {
    expect(shown('a line')).toBe('a line');
    expect(shown('x'.repeat(100_000))).toBe('x'.repeat(500));
    expect(shown(`${SECRET} ${'x'.repeat(1_000)}`)).toBe(`*** ${'x'.repeat(496)}`);
  });

  test('contains no part of a secret, regardless of the cut', () => {
    for (let before = 400; before < 600; before += 1) {
      // One that is shown as less than it is pulls what comes later to the front.
      for (const head of ['', SECRET, `${ADDRESS} `, `${SECRET} `.repeat(5)]) {
        const line = shown(head + 'x'.repeat(before) + SECRET + 'y'.repeat(1_000));
        expect(line).not.toContain('hunt');
        expect(line).not.toMatch(/xh/);
      }
    }
  });

  test('contains no part of a URL’s user part, regardless of the cut', () => {
    for (let before = 400; before < 600; before += 1) {
      const line = shown(`${' '.repeat(before)}${ADDRESS}${' '.repeat(1_000)}`);
      expect(line).not.toMatch(/:\/\/v/);
      expect(shown(`${SECRET}${' '.repeat(before)}rtsp://viewer:${SECRET}@h ${'y'.repeat(1_000)}`)).not.toMatch(
        /:\/\/v/,
      );
    }
  });

  test('takes no longer for a very long message than for a line', () => {
    expect(shown('a://'.repeat(4 * 1024 * 1024))).toBe('a://'.repeat(125));
  });
});

test('the last lines are kept, a limited rate goes to the log, and the rest is counted', () => {
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = new WorkerLog(
    clock,
    createLog('w', ({ message }) => logged.push(message), 'info', clock),
  );
  for (let i = 0; i < 60; i += 1) log.line(String(i));
  expect([log.last.length, log.last[0], log.last.at(-1)]).toEqual([50, '10', '59']);
  expect([logged.length, log.dropped]).toEqual([20, 40]);
  clock.advance(1_000);
  log.line('later');
  expect([logged.at(-1), log.dropped]).toEqual(['later', 40]);
  log.clear();
  expect(log.last).toEqual([]);
});

test('standard error is printable: no escape sequence, no second line, nothing that turns text around', () => {
  expect(shown('a\u001b]0;title\u0007b\u009b2J\u202ec\r12:00 info')).toBe(
    'a\ufffd]0;title\ufffdb\ufffd2J\ufffdc 12:00 info',
  );
});

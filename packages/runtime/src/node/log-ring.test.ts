import { addSecret, type LogLevel, type LogRecord } from '@vigia/base';
import { logAnswerSchema } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { LogRing } from './log-ring.ts';

const record = (message: string, level: LogLevel = 'info'): LogRecord => ({
  level,
  time: '2026-11-22T03:00:00.000Z',
  from: 'camera:hall',
  message,
});
const ALL = { level: 'debug', limit: 1_000 } as const;

function ringOf(count: number, message = (n: number): string => `line ${n}`): LogRing {
  const ring = new LogRing();
  for (let n = 1; n <= count; n += 1) ring.add(record(message(n)));
  return ring;
}

test('without a number: the newest records, oldest first', () => {
  const { records, lost, next } = ringOf(5).read({ ...ALL, limit: 2 });
  expect(records.map(({ number, message }) => [number, message])).toEqual([
    [4, 'line 4'],
    [5, 'line 5'],
  ]);
  expect([lost, next]).toEqual([0, 5]);
});

test('a reader that goes on misses nothing and gets nothing twice', () => {
  const ring = ringOf(7);
  const seen: number[] = [];
  for (let after = 0; ; ) {
    const { records, next } = ring.read({ ...ALL, after, limit: 3 });
    if (records.length === 0) break;
    seen.push(...records.map(({ number }) => number));
    after = next;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('records of lower levels are passed over, also at the end', () => {
  const ring = new LogRing();
  for (const level of ['warn', 'info', 'error', 'info', 'warn', 'debug'] as const) ring.add(record(level, level));
  const first = ring.read({ level: 'warn', limit: 2, after: 0 });
  expect([first.records.map(({ number }) => number), first.next]).toEqual([[1, 3], 3]);
  const second = ring.read({ level: 'warn', limit: 2, after: first.next });
  expect([second.records.map(({ number }) => number), second.next]).toEqual([[5], 6]);
});

test('at most 2000 records; a reader that was slow learns how many it missed', () => {
  const ring = ringOf(2_500);
  expect(ring.read({ ...ALL, after: 0 })).toMatchObject({ lost: 500, next: 1_500 });
  expect(ring.read({ ...ALL, after: 0 }).records[0]?.number).toBe(501);
  expect(ring.read({ ...ALL, after: 499 }).lost).toBe(1);
  expect(ring.read({ ...ALL, after: 500 }).lost).toBe(0);
  expect(ring.read({ ...ALL, after: 2_500 })).toEqual({ records: [], lost: 0, next: 2_500 });
});

test('a number that was not given yet belongs to an earlier run', () => {
  expect(
    ringOf(2)
      .read({ ...ALL, after: 900 })
      .records.map(({ number }) => number),
  ).toEqual([1, 2]);
});

test('bounded in characters: one record and all of them', () => {
  const ring = ringOf(1_000, () => 'x'.repeat(10_000));
  const { records } = ring.read(ALL);
  expect(new Set(records.map(({ message }) => message.length))).toEqual(new Set([2_000]));
  const characters = records.reduce((sum, { message }) => sum + message.length, 0);
  expect(characters).toBeLessThanOrEqual(512 * 1024);
  expect(characters).toBeGreaterThan(500 * 1024);
  expect(records.at(-1)?.number).toBe(1_000);
});

test('printable, on one line, without secrets, and of the right form whatever a child writes', () => {
  addSecret('hunter2-of-the-ring');
  const ring = new LogRing();
  ring.add(record('\u001b[31mred\u001b[0m\nnext \u009b1m \u202e rtsp://viewer:pw@host/x hunter2-of-the-ring'));
  ring.add(record(`${'y'.repeat(1_990)}hunter2-of-the-ring`));
  ring.add({ level: 'toString', time: 7, from: null, message: {} } as unknown as LogRecord);
  const answer = ring.read(ALL);
  expect(logAnswerSchema.safeParse(answer).success).toBe(true);
  const [first, second, third] = answer.records;
  expect(first?.message).toBe('\ufffd[31mred\ufffd[0m next \ufffd1m \ufffd rtsp://***@host/x ***');
  expect(second?.message).toBe(`${'y'.repeat(1_990)}***`);
  expect(third).toMatchObject({ level: 'warn', time: '7', source: 'null' });
});

import { addSecret, UsageError, VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checked, refusalOf } from './refusal.ts';

test('the error of an answer keeps its lines, and nothing in them is a secret or acts on a terminal', () => {
  addSecret('refusal-secret');
  const { status, body } = refusalOf(new UsageError('first refusal-secret\nsecond\u001b[2J\u202e'));
  expect([status, body.error.message]).toEqual([400, 'first ***\nsecond\ufffd[2J\ufffd']);
  const long = refusalOf(new VigiaError('busy', 'x'.repeat(900_046))).body.error.message;
  expect(long.length).toBeLessThanOrEqual(2_000);
});

test.each([
  ['query', { from: 'yesterday' }, 'query.from: found "yesterday", a time such as 2026-11-22T03:14:00Z is expected'],
  ['query', { level: 'warning' }, 'query.level: found "warning", allowed are warn, error'],
  ['query', { limit: '0' }, 'query.limit: found "0", at least 1 is allowed'],
  ['query', { camra: 'x' }, 'query: unknown key "camra"'],
  ['body', { fps: -1 }, 'body.fps: found -1, more than 0 is allowed'],
  ['body', { fps: 'fast' }, 'body.fps: a text was found, a number is expected'],
  ['body', { fps: null }, 'body.fps: found null, a number is expected'],
  ['body', { zones: {} }, 'body.zones: a map was found, a list is expected'],
  ['body', { name: 'hunter2-secret' }, 'body.name: a text was found, at most 5 characters are allowed'],
  ['body', { named: { Hall: 1 } }, 'body.named.Hall: lower case is expected'],
  ['body', [], 'body: a list was found, a map is expected'],
  ['query', { level: 'x\u001b[2J'.repeat(20) }, /^query\.level: found "x\S+…, allowed are warn, error$/],
])('bad input in a %s: %j', (where, value, sentence) => {
  const schema = z.strictObject({
    from: z.iso.datetime().optional(),
    level: z.enum(['warn', 'error']).optional(),
    limit: z.coerce.number<string>().int().min(1).optional(),
    fps: z.number().gt(0).optional(),
    zones: z.array(z.string()).optional(),
    name: z.string().max(5).optional(),
    named: z.record(z.string().regex(/^[a-z]+$/, 'lower case is expected'), z.number()).optional(),
  });
  expect(() => checked(schema, value, where)).toThrow(sentence);
});

import { addSecret, UsageError, VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { refusalOf } from './refusal.ts';

test('the error of an answer keeps its lines, and nothing in them is a secret or acts on a terminal', () => {
  addSecret('refusal-secret');
  const { status, body } = refusalOf(new UsageError('first refusal-secret\nsecond\u001b[2J\u202e'));
  expect([status, body.error.message]).toEqual([400, 'first ***\nsecond\ufffd[2J\ufffd']);
  const long = refusalOf(new VigiaError('busy', 'x'.repeat(900_046))).body.error.message;
  expect(long.length).toBeLessThanOrEqual(2_000);
});

import { expect, test } from 'vitest';
import { asChannelMessage } from './channel-protocol.ts';

const refusal = (code: number, message: number): object => ({
  type: 'refusal',
  id: 1,
  code: 'c'.repeat(code),
  message: 'm'.repeat(message),
});

test.each([
  [{ type: 'request', id: 1, name: 'double', body: 2 }],
  [{ type: 'withdrawn', id: 1 }],
  [{ type: 'reply', id: 1, body: 4 }],
  [{ type: 'reply', id: 1 }],
  [refusal(64, 4_096)],
  [{ type: 'notice', name: 'said', body: 'x' }],
])('%j is a message', (value) => {
  expect(asChannelMessage(value)).toBe(value);
});

test.each([
  [null],
  ['request'],
  [{ id: 1, name: 'double' }],
  [{ type: 'farewell', id: 1, name: 'double' }],
  [{ type: 'request', id: 1 }],
  [{ type: 'request', name: 'double' }],
  [{ type: 'request', id: 1.5, name: 'double' }],
  [{ type: 'request', id: 2 ** 53, name: 'double' }],
  [{ type: 'withdrawn' }],
  [{ type: 'reply', id: '1', body: 4 }],
  [{ type: 'refusal', id: 1, code: 'c' }],
  [{ type: 'refusal', code: 'c', message: 'm' }],
  [refusal(65, 1)],
  [refusal(1, 4_097)],
  [{ type: 'notice', body: 'x' }],
])('%j is none', (value) => {
  expect(asChannelMessage(value)).toBeUndefined();
});

import type { NodeItem } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { FastifyRequest } from 'fastify';
import { everything, wishOf } from './stream-formats.ts';

test('what a terminal might act on is escaped, and means the same', () => {
  const item = { type: 'result', result: { data: 'a\u007f\u009b\u202e' } } as unknown as NodeItem;
  const { data } = everything(['result'], undefined).format.item(item) ?? {};
  expect(data).toContain('a\\u007f\\u009b\\u202e');
  expect(JSON.parse(data ?? '')).toEqual(item);
});

test.each([
  [64, 160],
  [160, 160],
  [161, 320],
  [undefined, 320],
  [333, 480],
  [480, 480],
  [481, 640],
  [640, 640],
])('pictures of a width of %s are %i wide: viewers share a few widths', (width, wide) => {
  const query = { types: 'picture', ...(width === undefined ? {} : { width: String(width) }) };
  const request = { query, headers: { upgrade: 'websocket' } } as unknown as FastifyRequest;
  expect(wishOf('stream', request).pictures).toMatchObject({ width: wide });
});

import type { NodeItem } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { everything } from './stream-formats.ts';

test('what a terminal might act on is escaped, and means the same', () => {
  const item = { type: 'result', result: { data: 'a\u007f\u009b\u202e' } } as unknown as NodeItem;
  const { data } = everything(['result'], undefined).format.item(item) ?? {};
  expect(data).toContain('a\\u007f\\u009b\\u202e');
  expect(JSON.parse(data ?? '')).toEqual(item);
});

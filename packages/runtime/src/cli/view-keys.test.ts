import { expect, test } from 'vitest';
import { keysIn } from './view-keys.ts';

test.each([
  ['q', ['q']],
  ['\u0003\u0003', ['\u0003', '\u0003']],
  ['\u001b[B\u001b[B\u001b[B', ['\u001b[B', '\u001b[B', '\u001b[B']],
  ['\u001b[5~', ['\u001b[5~']],
  ['a paste with q', []],
  ['jj\u0003', ['\u0003']],
  ['', []],
])('the keys in %j are %j', (text, keys) => {
  expect(keysIn(text)).toEqual(keys);
});

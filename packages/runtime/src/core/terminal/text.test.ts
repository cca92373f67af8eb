import { expect, test } from 'vitest';
import { printable, wrap } from './text.ts';

test('what a terminal might act on is replaced, and everything stays on one line', () => {
  expect(printable('a\u001b[2Jb\r\nc\td\u009be\u202ef\u0000\u2028g')).toBe('a\ufffd[2Jb  c d\ufffde\ufffdf\ufffd g');
  expect(printable('Größe 人 😀')).toBe('Größe 人 😀');
  expect(printable('half \ud83d')).toBe('half \ufffd');
});

test('lines break at spaces; a word that is too long is broken', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
  expect(wrap('', 4)).toEqual(['']);
});

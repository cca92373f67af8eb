import { redact } from './secrets.ts';

/** Longest quotation of a text from outside, in characters. */
const QUOTED = 200;
/** Characters of it that are looked at. */
const READ = 65_536;

/** A text from outside on one line: what a terminal might act on becomes `\ufffd`, white space a space. */
export function printable(text: string): string {
  return text.replaceAll(/\s/gu, ' ').replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd');
}

/**
 * A text from outside (a camera, a model, a worker, a broker, a file) as it may be shown: without secrets, printable, on
 * one line, short. Redacts before it cuts: half a secret would not be recognised.
 *
 * @param limit Characters, at least 1.
 */
export function quoted(text: string, limit: number = QUOTED): string {
  const whole = printable(redact(text.length > READ ? text.slice(0, READ) : text));
  return whole.length > limit ? `${whole.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : whole;
}

/** Lines of an error, and characters of each. */
const LINES = 100;
const LINE = 2_000;

/** Several sentences, one per line, each as {@link quoted} shows it. At most 100. */
export function quotedLines(text: string): string[] {
  const lines = redact(text.length > READ ? text.slice(0, READ) : text).split('\n');
  return lines.slice(0, LINES).map((line) => quoted(line, LINE));
}

/** JSON on one line, in which everything that a terminal might act on is escaped. It means the same. */
export function printableJson(value: unknown): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (character) =>
    character.split('').map(escaped).join(''),
  );
}

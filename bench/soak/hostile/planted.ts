/** A login that only the product knows, and that peers repeat to it. Encoded differently in URLs, headers and JSON. */
export const LOGIN = { user: 'viewer', password: 'hush:7h/is@s3cr"t&ever' } as const;
/** A password that stands in a configuration itself, where it must not: nothing of the kind may be printed. */
export const LITERAL = 'lit3ral-pAssw0rd';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const inUrl = encodeURIComponent(LOGIN.password);

/** The planted passwords, in every form in which they may travel. */
export const PLANTED: Readonly<Record<string, string>> = {
  plain: LOGIN.password,
  'URL-encoded': inUrl,
  'URL-encoded in lower case': inUrl.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  'in JSON': JSON.stringify(LOGIN.password).slice(1, -1),
  base64: base64(LOGIN.password),
  'base64 of the login': base64(`${LOGIN.user}:${LOGIN.password}`),
  literal: LITERAL,
};

/** What a terminal may act on: C0 but for the line feed, DEL, C1, directions of writing. */
// eslint-disable-next-line no-control-regex -- what must not be there
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const EXCERPT = 60;

/** What an output has that it must not have, in words. */
export function wrongIn(text: string): string[] {
  const shown = Object.entries(PLANTED).filter(([, form]) => text.includes(form));
  const control = CONTROL.exec(text);
  return [
    ...shown.map(([name, form]) => `a secret (${name}) ${around(text, text.indexOf(form))}`),
    ...(control ? [`a control character (${codePoint(control[0])}) ${around(text, control.index)}`] : []),
  ];
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function around(text: string, at: number): string {
  return JSON.stringify(text.slice(Math.max(0, at - EXCERPT), at + EXCERPT));
}

/** Follows a stream of output: the same for texts that are cut at any place. */
export class OutputWatch {
  readonly #name: string;
  /** What was wrong, each only once. */
  readonly wrong = new Set<string>();
  readonly #kinds = new Set<string>();
  bytes = 0;
  #last = '';

  constructor(name: string) {
    this.#name = name;
  }

  hear(text: string): void {
    this.bytes += text.length;
    const whole = this.#last + text;
    for (const what of wrongIn(whole)) this.#note(what);
    this.#last = whole.slice(-2 * LONGEST);
  }

  /** The first of a kind, with its excerpt. */
  #note(what: string): void {
    const kind = what.slice(0, what.indexOf(')'));
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    this.wrong.add(`${this.#name}: ${what}`);
  }
}

const LONGEST = Math.max(...Object.values(PLANTED).map(({ length }) => length));

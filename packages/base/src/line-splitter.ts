/** Longest line kept, in characters; the rest of it is thrown away. */
const LINE_LIMIT = 8_192;

/** What ends a line. `\r` alone does too, as progress bars write it; between the two of `\r\n` is an empty line, which is not told. */
const LINE_END = /[\r\n]+/;

/** Cuts text chunks into lines, with a bound on what it holds. Empty lines are left out. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #held = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: string): void {
    const lines = (this.#held + chunk).split(LINE_END);
    this.#held = (lines.pop() ?? '').slice(0, LINE_LIMIT);
    for (const line of lines) if (line !== '') this.#onLine(line.slice(0, LINE_LIMIT));
  }

  /** Hands out an unfinished last line. */
  end(): void {
    if (this.#held !== '') this.#onLine(this.#held);
    this.#held = '';
  }
}

/** Longest line kept, in characters; the rest of it is dropped. */
const LINE_LIMIT = 8_192;

/**
 * Line terminators. `\r` alone is one too: progress bars write it. Between the two of `\r
 * ` is an empty line, which is dropped.
 */
const LINE_END = /[\r\n]+/;

/** Cuts text chunks into lines, with bounded memory. Drops empty lines. */
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

  /** Returns an unfinished last line. */
  end(): void {
    if (this.#held !== '') this.#onLine(this.#held);
    this.#held = '';
  }
}

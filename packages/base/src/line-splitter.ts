/** Longest line kept, in characters; the rest of it is thrown away. */
const LINE_LIMIT = 8_192;

/** Cuts text chunks into lines, with a bound on what it holds. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #held = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: string): void {
    const lines = (this.#held + chunk).split('\n');
    this.#held = (lines.pop() ?? '').slice(0, LINE_LIMIT);
    for (const line of lines) if (line !== '') this.#onLine(line.slice(0, LINE_LIMIT));
  }

  /** Hands out an unfinished last line. */
  end(): void {
    if (this.#held !== '') this.#onLine(this.#held);
    this.#held = '';
  }
}

import { type Clock, type Log, knownSecrets, type LogLevel, printable, redact } from '@vigia/base';

/** Lines of a worker's standard error that are kept. */
const KEPT_LINES = 50;
/** Characters of a line that are kept. */
const LINE_LIMIT = 500;
/** Lines a second that go to the node's log; further ones are counted. */
const LINES_PER_SECOND = 20;
const SECOND_MS = 1_000;
/** A URL that is cut off in its host, or in its user part. */
const UNFINISHED_HOST = /(?<=:\/\/)[^\s/@]+$/;

/** A worker's output for people: keeps the last lines, and passes a limited number on to the node's log. */
export class WorkerLog {
  readonly #clock: Clock;
  readonly #log: Log;
  #lines: string[] = [];
  #dropped = 0;
  #secondMs = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Lines that were not passed on to the log. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The last lines of the current process, or of the last one: oldest first. */
  get last(): readonly string[] {
    return this.#lines;
  }

  /** Forgets the lines: a new process starts. */
  clear(): void {
    this.#lines = [];
  }

  /** A line of standard error. */
  line(text: string): void {
    const line = shown(text);
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.write('info', line);
  }

  /** A line that the worker sent as a message. */
  write(level: LogLevel, text: string): void {
    const now = this.#clock.nowMs();
    if (now - this.#secondMs >= SECOND_MS) {
      this.#secondMs = now;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond > LINES_PER_SECOND) this.#dropped += 1;
    else this.#log[level](shown(text));
  }
}

/** The beginning of a text, printable and without secrets. Costs the same however long the text is. */
function shown(text: string): string {
  return printable(redact(text.slice(0, cutOf(text)))).slice(0, LINE_LIMIT);
}

/** Where to cut a text before it is redacted: half a secret would not be recognised. */
function cutOf(text: string): number {
  const secrets = knownSecrets();
  const longest = secrets.reduce((most, { length }) => Math.max(most, length), 0);
  // Beyond the limit, because redacting shortens a text.
  let cut = LINE_LIMIT + longest;
  if (text.length <= cut) return text.length;
  for (let before = -1; before !== cut; ) {
    before = cut;
    // An `@` may follow, which would make it the user part of a URL.
    cut -= UNFINISHED_HOST.exec(text.slice(0, cut))?.[0].length ?? 0;
    for (const secret of secrets) cut = beforeSecret(text, cut, secret);
  }
  return cut;
}

/** The cut, or the start of a secret that it would split. */
function beforeSecret(text: string, cut: number, secret: string): number {
  const from = Math.max(0, cut - secret.length + 1);
  const at = text.slice(from, cut + secret.length - 1).indexOf(secret);
  return at === -1 ? cut : from + at;
}

import { type Clock, type Log, type LogLevel, redact } from '@vigia/base';

/** Lines of a worker's standard error that are kept. */
const KEPT_LINES = 50;
/** Characters of a line that are kept. */
const LINE_LIMIT = 500;
/** Lines a second that go on to the node's log; what is beyond is counted. */
const LINES_PER_SECOND = 20;
const SECOND_MS = 1_000;

/** What a worker writes for people: the last lines are kept, some go on to the node's log. */
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

  /** Lines that did not go on to the log. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The last lines of the process that runs, or ran last: oldest first. */
  get last(): readonly string[] {
    return this.#lines;
  }

  /** A new process begins. */
  clear(): void {
    this.#lines = [];
  }

  /** A line of standard error. */
  line(text: string): void {
    // Half a secret is not known for one: cut afterwards.
    const line = redact(text).slice(0, LINE_LIMIT);
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.write('info', line);
  }

  /** A line that came as a message. */
  write(level: LogLevel, text: string): void {
    const now = this.#clock.nowMs();
    if (now - this.#secondMs >= SECOND_MS) {
      this.#secondMs = now;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond > LINES_PER_SECOND) this.#dropped += 1;
    else this.#log[level](redact(text).slice(0, LINE_LIMIT));
  }
}

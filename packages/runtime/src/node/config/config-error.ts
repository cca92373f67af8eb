import { quoted, UsageError } from '@vigia/base';

/** Sentences about one configuration. A file with thousands of problems has one cause, or is none. */
const SENTENCES = 50;
/** Longest sentence: a list of allowed words, with a path in front of it. */
const SENTENCE_LIMIT = 2_000;

/**
 * All problems of a configuration. Each is one sentence with the file, line and path, the value found and the values
 * allowed; without secrets, printable. Beyond 50 they are only counted.
 */
export class ConfigError extends UsageError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const shown = problems.slice(0, SENTENCES).map((problem) => quoted(problem, SENTENCE_LIMIT));
    const more = problems.length - shown.length;
    const told = more > 0 ? [...shown, `and ${more} more`] : shown;
    super(told.join('\n'));
    this.problems = told;
  }
}

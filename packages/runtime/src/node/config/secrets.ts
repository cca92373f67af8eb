import { readFileSync } from 'node:fs';
import { addSecret, codeOf, UsageError } from '@vigia/base';

const REFERENCE = /\$\{([^}]*)\}/g;

const variables = new Set<string>();

/** Environment variables that held secrets of configurations so far: not for programs that users bring along. */
export function secretVariables(): readonly string[] {
  return [...variables].sort();
}

/**
 * Replaces `${NAME}` by the environment variable and `${file:PATH}` by the first line of a file. What is filled in before
 * an `@` is percent-encoded, so that a password may hold any character. Everything filled in is redacted from all output
 * from then on.
 *
 * @param at The configuration path, for the sentence.
 * @throws UsageError for a variable that is not set, a file that cannot be read, or a password that stands in the text.
 */
export function resolveSecrets(text: string, at: string, env: NodeJS.ProcessEnv): string {
  const literal = literalPassword(text.replaceAll(REFERENCE, ''));
  if (literal) {
    addSecret(literal);
    throw new UsageError(
      `${at}: a password stands in the file; write \${NAME} and set the environment variable NAME, or \${file:PATH}`,
      { path: at },
    );
  }
  return text.replaceAll(REFERENCE, (reference: string, name: string, position: number) => {
    const value = name.startsWith('file:') ? fromFile(name.slice('file:'.length), at) : env[name];
    if (value === undefined || value === '') {
      throw new UsageError(`${at}: the environment variable ${name} is not set; set it, or write another \${NAME}`, {
        path: at,
      });
    }
    addSecret(value);
    if (!name.startsWith('file:')) variables.add(name);
    return text.indexOf('@', position + reference.length) > 0 ? encodeURIComponent(value) : value;
  });
}

/** What stands in the text as a password. @param text Without references: they hold colons and slashes of their own. */
function literalPassword(text: string): string | undefined {
  // Not a port (`host:554/…`): anything else between the first colon and the next `@` is a password, whatever it holds.
  const login = /^[a-z]+:\/\/[^/@:]*:(?!\d+(?:\/|$))([^@]*)@/i.exec(text)?.[1];
  // Some cameras want it in the path or the query.
  return login || /[?&;/](?:pass(?:word|wd)?|pwd)=([^&;/\s]+)/i.exec(text)?.[1];
}

function fromFile(path: string, at: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]?.trim() ?? '';
  } catch (error) {
    throw new UsageError(`${at}: the secret's file ${path} cannot be read (${codeOf(error)})`, {
      path: at,
      cause: error,
    });
  }
}

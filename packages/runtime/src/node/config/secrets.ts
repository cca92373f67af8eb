import { addSecret, codeOf, quoted, UsageError } from '@vigia/base';
import { readText } from './read-text.ts';

/** Largest file with a secret in its first line, bytes. */
const FILE_LIMIT = 65_536;
/** Longest sentence, characters. It quotes names and paths of the configuration. */
const SENTENCE_LIMIT = 2_000;
const REFERENCE = /\$\{([^}]*)\}/g;

const variables = new Set<string>();

/** Names of the environment variables that configurations have used as secrets so far. Workers do not inherit them. */
export function secretVariables(): readonly string[] {
  return [...variables].sort();
}

/**
 * Replaces `${NAME}` by an environment variable and `${file:PATH}` by the first line of a file. A value in front of an
 * `@` is percent-encoded, so that a password may contain any character. All values are redacted from output from then
 * on.
 *
 * @param at The configuration path, for error messages.
 * @throws UsageError for an unset variable, an unreadable file, or a literal password in the text.
 */
export function resolveSecrets(text: string, at: string, env: NodeJS.ProcessEnv): string {
  const literal = literalPassword(text.replaceAll(REFERENCE, ''));
  if (literal) {
    addSecret(literal);
    throw wrong(
      at,
      'a password stands in the file; write ${NAME} and set the environment variable NAME, or ${file:PATH}',
    );
  }
  const resolved = text.replaceAll(REFERENCE, (reference: string, name: string, position: number) => {
    const isFile = name.startsWith('file:');
    const value = isFile ? fromFile(name.slice('file:'.length), at) : env[name];
    if (!value) {
      const problem = isFile
        ? `the first line of the secret's file ${name.slice('file:'.length)} is empty; write the secret there`
        : `the environment variable ${name} is not set; set it, or write another \${NAME}`;
      throw wrong(at, problem);
    }
    addSecret(value);
    if (!isFile) variables.add(name);
    return text.indexOf('@', position + reference.length) > 0 ? encodeURIComponent(value) : value;
  });
  addLogin(resolved);
  return resolved;
}

/** The login of an address goes into headers as a whole. */
function addLogin(address: string): void {
  const login = /^[a-z]+:\/\/([^/@]*)@/i.exec(address)?.[1];
  if (login?.includes(':')) addSecret(decoded(login));
}

/** Percent signs that encode nothing are kept. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Returns a password that the text contains literally. @param text Without references, which contain colons and
 * slashes.
 */
function literalPassword(text: string): string | undefined {
  // A number in front of a slash is a port (`host:554/…`). Any other text between the first colon and the next `@` is
  // a password.
  const login = /^[a-z]+:\/\/[^/@:]*:(?!\d+(?:\/|$))([^@]*)@/i.exec(text)?.[1];
  // Some cameras expect the password in the path or the query.
  return login || /[?&;/](?:pass(?:word|wd)?|pwd)=([^&;/\s]+)/i.exec(text)?.[1];
}

function fromFile(path: string, at: string): string {
  const line = firstLine(path, at);
  // A zero or a replacement character: bytes that are no text. They would appear where nobody expects a password.
  if (!/[\0\uFFFD]/.test(line)) return line;
  throw wrong(at, `the secret's file ${path} holds no text in UTF-8 or UTF-16`);
}

function firstLine(path: string, at: string): string {
  try {
    return readText(path, FILE_LIMIT).split('\n', 1)[0]?.trim() ?? '';
  } catch (error) {
    const why = error instanceof UsageError ? `has more than ${FILE_LIMIT} bytes` : `cannot be read (${codeOf(error)})`;
    throw wrong(at, `the secret's file ${path} ${why}`, error);
  }
}

function wrong(at: string, problem: string, cause?: unknown): UsageError {
  return new UsageError(quoted(`${at}: ${problem}`, SENTENCE_LIMIT), { path: at, cause });
}

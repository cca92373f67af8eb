import { addSecret, codeOf, quoted, UsageError } from '@vigia/base';
import { readText } from './read-text.ts';

/** Largest file with a secret in its first line, bytes. */
const FILE_LIMIT = 65_536;
/** Longest sentence, characters. It quotes names and paths of the configuration. */
const SENTENCE_LIMIT = 2_000;
/**
 * A user, and a password in front of an `@`. A number in front of a slash is a port (`host:554/…`); any other text between the first
 * colon and the next `@` is a password.
 */
const LOGIN = /^([a-z]+:\/\/[^/@:]*:)(?!\d+(?:\/|$))([^@]*)(?=@)/i;
/** Some cameras expect the password in the path or the query. */
const NAMED = /([?&;/](?:pass(?:word|wd)?|pwd)=)([^&;/\s]+)/gi;
const REFERENCE = /\$\{([^}]*)\}/g;

/**
 * Where a text comes from. `file`: anybody may read it, so it holds references and no password. `runtime`: sent by somebody who may
 * change the node; passwords are taken. `kept`: what was taken before, with nothing left to fill in.
 */
export type Origin = 'file' | 'runtime' | 'kept';

/** How the secrets of a configuration are found. */
export interface Secrets {
  readonly env: NodeJS.ProcessEnv;
  readonly origin: Origin;
}

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
 * @throws UsageError for an unset variable, an unreadable file, a literal password in the text of a file, or one that is not
 *   encoded in what was sent.
 */
export function resolveSecrets(text: string, at: string, { env, origin }: Secrets): string {
  const literals = literalPasswords(origin === 'kept' ? text : text.replaceAll(REFERENCE, ''));
  for (const literal of literals) for (const form of [literal, decoded(literal)]) addSecret(form);
  if (literals.length > 0 && origin === 'file')
    throw wrong(
      at,
      'a password stands in the file; write ${NAME} and set the environment variable NAME, or ${file:PATH}',
    );
  if (origin === 'runtime' && literals.length > 0 && isTorn(text.replaceAll(REFERENCE, '')))
    throw wrong(
      at,
      'the password has characters that separate the parts of an address; write @ as %40, / as %2F, ? as %3F, # as %23, a space as %20',
    );
  if (origin === 'kept') {
    addLogin(text);
    return text;
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

/** Whether a value holds a password literally, at any depth. */
export function holdsPassword(value: unknown): boolean {
  if (typeof value === 'string') return literalPasswords(value.replaceAll(REFERENCE, '')).length > 0;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsPassword);
}

/** Whether a password in front of an `@` ends somewhere else than its sender meant: the rest of it would count as host or path. */
function isTorn(text: string): boolean {
  const [, , password = ''] = LOGIN.exec(text) ?? [];
  const [authority = ''] = text.replace(/^[a-z]+:\/\//i, '').split(/[/?#]/, 1);
  return /[/?#\s]/.test(password) || authority.split('@').length > 2;
}

/** The text with each of its literal passwords, as it is sent to a server, replaced. */
export function replacePasswords(text: string, by: (password: string) => string): string {
  return text
    .replaceAll(NAMED, (_, name: string, password: string) => `${name}${by(password)}`)
    .replace(LOGIN, (_, user: string, password: string) => `${user}${password === '' ? '' : by(decoded(password))}`);
}

/**
 * Returns the passwords that the text contains literally. @param text Without references, which contain colons and
 * slashes.
 */
function literalPasswords(text: string): string[] {
  const login = LOGIN.exec(text)?.[2];
  const named = [...text.matchAll(NAMED)].map(([, , value = '']) => value);
  return login ? [login, ...named] : named;
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

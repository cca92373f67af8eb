import { type Clock, systemClock } from './clock.ts';

/** debug: for developers; info: something changed; warn: it works, but deserves a look; error: it does not work. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line of a log. Crosses process boundaries as a line of JSON on stderr. */
export interface LogRecord {
  readonly level: LogLevel;
  /** Wall time, RFC 3339. */
  readonly time: string;
  /** The process or part: `supervisor`, `camera:hall`, `model:ssdlite`. */
  readonly from: string;
  readonly message: string;
}

/** Writes lines; `child` names a part. Every line passes through the redactor. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  child(part: string): Log;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const secrets = new Set<string>();
/**
 * The user part of a URL. The pattern looks back from `://`: trying a scheme at every letter would be quadratic in a
 * long run of letters.
 */
const USER_PART = /(?<=[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+(?=@)/gi;

/**
 * Redacts a value from now on: it is printed as `***`. Values under 4 characters are ignored: they would redact half of
 * every line.
 */
export function addSecret(value: string): void {
  for (const form of [value, encodeURIComponent(value)]) if (form.length >= 4) secrets.add(form);
}

/** Values that are currently redacted. */
export function knownSecrets(): readonly string[] {
  return [...secrets];
}

/** The text without known secrets and without the user part of any URL. Linear in its length. */
export function redact(text: string): string {
  // All secrets are searched in the original text: of two that overlap, replacing one first would hide the other.
  const hidden = [...text.matchAll(USER_PART)].map((match) => spanOf(match.index, match[0]));
  for (const secret of secrets)
    for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length))
      hidden.push(spanOf(at, secret));
  hidden.sort((a, b) => a.from - b.from);
  let out = '';
  let done = 0;
  for (const { from, to } of hidden) {
    if (from >= done) out += `${text.slice(done, from)}***`;
    done = Math.max(done, to);
  }
  return out + text.slice(done);
}

function spanOf(from: number, part: string): { readonly from: number; readonly to: number } {
  return { from, to: from + part.length };
}

/** A log that passes every record of at least `level` to `sink`. */
export function createLog(
  from: string,
  sink: (record: LogRecord) => void,
  level: LogLevel = 'info',
  clock: Clock = systemClock,
): Log {
  const write = (lineLevel: LogLevel, message: string): void => {
    if (ORDER[lineLevel] < ORDER[level]) return;
    sink({ level: lineLevel, time: new Date(clock.wallMs()).toISOString(), from, message: redact(message) });
  };
  return {
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warn: (message) => write('warn', message),
    error: (message) => write('error', message),
    child: (part) => createLog(`${from}/${part}`, sink, level, clock),
  };
}

/** A sink for child processes: one JSON line each on stderr, formatted by the parent. */
export function jsonLineSink(record: LogRecord): void {
  process.stderr.write(`${JSON.stringify(record)}\n`);
}

/** A sink for people: `12:00:01 warn  camera:hall  message`. */
export function formatRecord(record: LogRecord): string {
  return `${record.time.slice(11, 19)} ${record.level.padEnd(5)} ${record.from}: ${record.message}`;
}

/** Parses a line of a child's stderr: a record when vigia wrote it, otherwise a warning with the raw text. */
export function parseLogLine(line: string, from: string): LogRecord {
  if (line.startsWith('{"level":')) {
    try {
      const record = JSON.parse(line) as LogRecord;
      // Redacted here as well: the child does not know every secret.
      if (record.level in ORDER && typeof record.message === 'string')
        return { ...record, message: redact(record.message) };
    } catch {
      // Not a record (cut off, or JSON of a library): logged raw below.
    }
  }
  return { level: 'warn', time: new Date(systemClock.wallMs()).toISOString(), from, message: redact(line) };
}

import { type Clock, systemClock } from './clock.ts';
import { quoted } from './foreign-text.ts';

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

/** Writes lines; `child` names a part. Every line passes through the redactor and is printable. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  child(part: string): Log;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Longest message, in characters: as JSON it fits into a line of a child, and its end is far from where that is cut. */
const MESSAGE_LIMIT = 4_000;
/** Longest name of a process or part. */
const FROM_LIMIT = 150;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/;

/** A log that passes every record of at least `level` to `sink`. */
export function createLog(
  from: string,
  sink: (record: LogRecord) => void,
  level: LogLevel = 'info',
  clock: Clock = systemClock,
): Log {
  const write = (lineLevel: LogLevel, message: string): void => {
    if (ORDER[lineLevel] < ORDER[level]) return;
    sink({
      level: lineLevel,
      time: new Date(clock.wallMs()).toISOString(),
      from,
      message: quoted(message, MESSAGE_LIMIT),
    });
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
  const now = new Date(systemClock.wallMs()).toISOString();
  if (line.startsWith('{"level":')) {
    try {
      const { level, time, from: part, message } = JSON.parse(line) as LogRecord;
      // Redacted here as well: the child does not know every secret. A library may print such a line, too.
      if (Object.hasOwn(ORDER, level) && typeof message === 'string')
        return {
          level,
          time: typeof time === 'string' && TIME.test(time) ? time : now,
          from: typeof part === 'string' ? quoted(part, FROM_LIMIT) : from,
          message: quoted(message, MESSAGE_LIMIT),
        };
    } catch {
      // Not a record (cut off, or JSON of a library): logged raw below.
    }
  }
  return { level: 'warn', time: now, from, message: quoted(line, MESSAGE_LIMIT) };
}

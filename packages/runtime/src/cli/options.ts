import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf, quoted, systemClock, UsageError } from '@vigia/base';

/** The parsed options of a command line. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** Options of a run. */
export interface RunOptions {
  /** Stops after this time. Default: runs until a signal. */
  readonly forMs: number | undefined;
  /** Where to write the report at the end. */
  readonly reportFile: string | undefined;
  /** One JSON object per line on stdout instead of a view. */
  readonly json: boolean;
  /** The configuration file, which a reload reads again; undefined: the configuration does not come from a file. */
  readonly configFile?: string | undefined;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The options that `run` and `demo` share. @throws UsageError for an invalid one. */
export function runOptions(values: Values): RunOptions {
  const time = text(values, 'for');
  return {
    forMs: time === undefined ? undefined : duration(time),
    reportFile: writable(text(values, 'report')),
    json: values['json'] === true,
  };
}

/** Checks before the run that the report can be written. */
function writable(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    accessSync(existsSync(file) ? file : dirname(resolve(file)), constants.W_OK);
    return file;
  } catch (error) {
    throw new UsageError(`--report: ${file} cannot be written (${codeOf(error)}); give a file in an existing folder`, {
      cause: error,
    });
  }
}

function duration(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
  const ms = match ? Number(match[1]) * (UNITS[match[2] as string] as number) : 0;
  if (ms <= 0 || ms > 2 ** 31 - 1)
    throw new UsageError(`--for: found "${value}", allowed is a number with ms, s, m or h, such as 30s, up to 24 days`);
  return ms;
}

/** The file that a command reads when it is given none. */
const DEFAULT_CONFIG = 'vigia.yml';

/** The configuration file of a command: that of `-c`, or `vigia.yml` in the current folder. @throws UsageError */
export function configFile(values: Values, command: string): string {
  const file = text(values, 'config');
  if (file !== undefined) return file;
  if (existsSync(DEFAULT_CONFIG)) return DEFAULT_CONFIG;
  throw new UsageError(
    `vigia ${command}: the configuration file is missing: there is no ${resolve(DEFAULT_CONFIG)}; give one with -c FILE (vigia --help shows a first one)`,
  );
}

/** A port number. @throws UsageError for an invalid one. */
export function port(values: Values, name: string): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new UsageError(`--${name}: found "${value}", allowed is a port, 0 to 65535`);
  return number;
}

const DAY_MS = 86_400_000;
const AGO: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS };
const TIME_OF_DAY = /^(?:(today|yesterday) ?)?(?:([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?)?$/;
const LOCAL = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?$/;
const ZONED = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * A moment, milliseconds since 1970: `10m` ago, `3:14` (the last one), `yesterday 22:00`, `2026-11-22 03:14` in this machine's
 * time zone; with `Z` or an offset in that one.
 *
 * @throws UsageError
 */
export function moment(values: Values, name: string, nowMs: number = systemClock.wallMs()): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const ms = momentOf(value.trim().toLowerCase(), value, nowMs);
  if (Number.isFinite(ms)) return ms;
  throw new UsageError(
    `--${name}: found "${quoted(value, 40)}"; a time is 10m (ago), 3:14, "yesterday 22:00", "2026-11-22 03:14" or 2026-11-22T03:14:00Z`,
  );
}

function momentOf(word: string, value: string, nowMs: number): number {
  if (word === 'now') return nowMs;
  const ago = /^(\d{1,6}(?:\.\d+)?)([smhd])(?: ago)?$/.exec(word);
  if (ago) return nowMs - Number(ago[1]) * (AGO[ago[2] as string] as number);
  const ofDay = TIME_OF_DAY.exec(word);
  if (ofDay && word !== '') {
    const day = new Date(nowMs);
    day.setHours(Number(ofDay[2] ?? 0), Number(ofDay[3] ?? 0), Number(ofDay[4] ?? 0), 0);
    // Without a day it is the last one. By days, not by 24 hours: two days a year have another length.
    const isBefore = ofDay[1] === 'yesterday' || (ofDay[1] === undefined && day.getTime() > nowMs);
    if (isBefore) day.setDate(day.getDate() - 1);
    return day.getTime();
  }
  const local = LOCAL.exec(value);
  if (!local) return ZONED.test(value) ? Date.parse(value) : Number.NaN;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = local
    .slice(1)
    .map((part) => Number(part ?? 0));
  const at = new Date(year, month - 1, date, hour, minute, second);
  const isThere = at.getMonth() === month - 1 && at.getDate() === date && hour < 24 && minute < 60 && second < 60;
  return isThere ? at.getTime() : Number.NaN;
}

/** The value of a string option. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

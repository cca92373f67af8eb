import { parseArgs } from 'node:util';

/** Options of a benchmark whose variants take turns. */
export interface WindowOptions {
  /** Of a measured window. */
  readonly seconds: number;
  /** In which the variants alternate. */
  readonly rounds: number;
  readonly markdown: boolean;
}

const OPTIONS = { seconds: { type: 'string' }, rounds: { type: 'string' }, markdown: { type: 'boolean' } } as const;

/**
 * Reads `--seconds`, `--rounds` and `--markdown`.
 *
 * @param usual Without them, and the shortest window.
 * @throws Error with a sentence for the user of the command line.
 */
export function windowOptions(
  args: string[],
  usual: { readonly seconds: number; readonly rounds: number; readonly leastSeconds: number },
): WindowOptions {
  const { values } = parseArgs({ args, options: OPTIONS });
  const whole = (name: 'seconds' | 'rounds', least: number, most: number): number => {
    const value = Number(values[name] ?? usual[name]);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(`--${name}: found "${values[name]}", allowed are ${least} to ${most}`);
    return value;
  };
  const [seconds, rounds] = [whole('seconds', usual.leastSeconds, 600), whole('rounds', 1, 100)];
  return { seconds, rounds, markdown: values.markdown === true };
}

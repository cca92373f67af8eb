import { parseArgs } from 'node:util';

/** Options of a benchmark with a plot. */
export interface PlotOptions {
  readonly seconds: number;
  /** Destination of the plot; undefined: no plot. */
  readonly plot: string | undefined;
  readonly markdown: boolean;
}

const OPTIONS = { seconds: { type: 'string' }, plot: { type: 'string' }, markdown: { type: 'boolean' } } as const;
const MOST_S = 600;

/** Parses `[--seconds N] [--plot FILE.svg] [--markdown]`. Throws a sentence for the user of the command line. */
export function readPlotOptions(args: string[], usualS: number, leastS: number): PlotOptions {
  const { values } = parseArgs({ args, options: OPTIONS });
  const seconds = Number(values.seconds ?? usualS);
  if (!Number.isInteger(seconds) || seconds < leastS || seconds > MOST_S)
    throw new Error(`--seconds: found "${values.seconds}", allowed are ${leastS} to ${MOST_S}`);
  return { seconds, plot: values.plot, markdown: values.markdown === true };
}

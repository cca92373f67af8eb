import type { Quantiles, Sample } from './variant.ts';

/** Quantiles as the programs print them, ns. */
export interface PrintedQuantiles {
  readonly n: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** The line printed by a measuring program: the peers' format, used by ours too. */
export interface PrintedSample {
  readonly pubs_per_s: number;
  readonly recv_per_s: number;
  readonly pub: PrintedQuantiles;
  readonly lat: PrintedQuantiles;
  readonly last?: PrintedQuantiles;
}

/**
 * Parses the last line printed by a measuring program.
 *
 * @throws Error when it has another form.
 */
export function sampleOf(what: string, stdout: string): Sample {
  const printed = parse(stdout.trim().split('\n').at(-1) ?? '');
  if (!printed) throw new Error(`${what}: printed no sample`);
  const publish = quantilesOf(printed['pub']);
  const latency = quantilesOf(printed['lat']);
  const last = quantilesOf(printed['last']);
  return {
    quantiles: { ...(publish && { publish }), ...(latency && { latency }), ...(last && { last }) },
    // A program that only receives publishes 0 per second.
    perSecond: Number(printed['pubs_per_s']) || Number(printed['recv_per_s']),
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    // Replaced by the caller, which knows the program.
    return undefined;
  }
}

/** Undefined when nothing was counted, and for invalid input. */
function quantilesOf(value: unknown): Quantiles | undefined {
  if (!isRecord(value)) return undefined;
  const { n, p50, p99 } = value;
  if (typeof n !== 'number' || typeof p50 !== 'number' || typeof p99 !== 'number') return undefined;
  return { count: n, p50, p99 };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

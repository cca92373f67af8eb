import type { TracingConfig } from '@vigia/contracts';
import { checkEndpoint } from './endpoint.ts';

/** Where the traces of a node go. */
export interface PlannedTracing {
  /** May contain credentials: never logged. */
  readonly url: string;
  /** The values may be secret: never logged. */
  readonly headers: Readonly<Record<string, string>>;
  /** The share of frames, 0..1. */
  readonly sample: number;
  /** The most traces per second. */
  readonly perSecond: number;
}

/** Where the traces of a configuration go. @throws UsageError like {@link checkEndpoint}. */
export function plannedTracing({ url, headers, sample, per_second: perSecond }: TracingConfig): PlannedTracing {
  checkEndpoint('tracing', { url, headers });
  return { url, headers, sample, perSecond };
}

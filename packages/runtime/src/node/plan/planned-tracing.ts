import { validateHeaderValue } from 'node:http';
import { UsageError } from '@vigia/base';
import type { TracingConfig } from '@vigia/contracts';

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

/**
 * Checks address and headers. Repeats neither, because both may contain credentials.
 *
 * @throws UsageError for an address that cannot be parsed, or a header that cannot be sent.
 */
export function plannedTracing({ url, headers, sample, per_second: perSecond }: TracingConfig): PlannedTracing {
  if (!URL.canParse(url))
    throw new UsageError(
      'tracing.url: the address cannot be read; allowed is http://[user:password@]host[:port]/path, or https',
      { path: 'tracing.url' },
    );
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  return { url, headers, sample, perSecond };
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderValue(name, value);
  } catch (error) {
    const path = `tracing.headers.${name}`;
    throw new UsageError(`${path}: the value has characters that no HTTP header may have`, { path, cause: error });
  }
}

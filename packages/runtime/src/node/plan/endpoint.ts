import { validateHeaderValue } from 'node:http';
import { UsageError } from '@vigia/base';
import type { WebhookConfig } from '@vigia/contracts';

/**
 * Checks address and headers of a place that the node posts to. Repeats neither, because both may contain credentials.
 *
 * @param at Its path in the configuration.
 * @throws UsageError for an address that cannot be parsed, or a header that cannot be sent.
 */
export function checkEndpoint(at: string, { url, headers }: Pick<WebhookConfig, 'url' | 'headers'>): void {
  if (!URL.canParse(url))
    throw new UsageError(
      `${at}.url: the address cannot be read; allowed is http://[user:password@]host[:port]/path, or https`,
      { path: `${at}.url` },
    );
  for (const [name, value] of Object.entries(headers)) checkHeader(`${at}.headers.${name}`, name, value);
}

function checkHeader(path: string, name: string, value: string): void {
  try {
    validateHeaderValue(name, value);
  } catch (error) {
    throw new UsageError(`${path}: the value has characters that no HTTP header may have`, { path, cause: error });
  }
}

import { addSecret } from '@vigia/base';
import { type Config, EVENT_KINDS, type WebhookConfig } from '@vigia/contracts';
import { nearest } from '#core/terminal';
import type { Path, Where } from './paths.ts';
import { resolveSecrets, type Secrets } from './secrets.ts';

/** Names of headers that hold a secret. */
const SECRET_HEADER = /auth|cookie|key|passw|secret|token/i;

/** A place that the node posts to. */
type Endpoint = Pick<WebhookConfig, 'url' | 'headers'>;

/** Everything that the node posts to, with its path. */
export function endpointsOf({ tracing, webhooks }: Config): (readonly [Path, Endpoint])[] {
  const posted = Object.entries(webhooks).map(([id, webhook]) => [['webhooks', id], webhook] as const);
  return tracing ? [[['tracing'], tracing], ...posted] : posted;
}

/** Refuses kinds and cameras that there are not: the webhook would wait for them in vain. */
export function checkWebhook(
  { kinds, cameras }: WebhookConfig,
  known: readonly string[],
  at: (key: string) => string,
): string[] {
  const wrong = (key: string, given: readonly string[], allowed: readonly string[]): string[] =>
    given
      .filter((one) => !allowed.includes(one))
      .map((one) => {
        const near = nearest(one, allowed);
        return `${at(key)}: found "${one}"${near ? `, did you mean "${near}"?` : ''}; allowed are ${allowed.join(', ')}`;
      });
  return [...wrong('kinds', kinds ?? [], EVENT_KINDS), ...wrong('cameras', cameras ?? [], known)];
}

/** Refuses a secret in the file, as far as the name of its header shows that it is one. */
export function checkHeader(name: string, value: string, at: string): string[] {
  if (!SECRET_HEADER.test(name) || value.includes('${')) return [];
  return [`${at}: a secret stands in the file; write \${NAME} and set the environment variable NAME, or \${file:PATH}`];
}

/** Fills in the secrets of an endpoint. */
export function fillEndpoint<T extends Endpoint>(endpoint: T, path: Path, where: Where, secrets: Secrets): T {
  const headers = Object.entries(endpoint.headers).map(([name, value]): [string, string] => {
    const resolved = resolveSecrets(value, where([...path, 'headers', name]), secrets);
    if (SECRET_HEADER.test(name)) addSecret(resolved);
    return [name, resolved];
  });
  const url = resolveSecrets(endpoint.url, where([...path, 'url']), secrets);
  return { ...endpoint, url, headers: Object.fromEntries(headers) };
}

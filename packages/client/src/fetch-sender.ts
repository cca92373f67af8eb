import type { Sender } from './sender.ts';

/**
 * Sends with `fetch`.
 *
 * @param url Where the node listens: `http://127.0.0.1:8470`.
 * @param token Of a user. Undefined: the browser's session, or a node without users.
 */
export function fetchSender(url: string, token?: string): Sender {
  const base = url.replace(/\/+$/, '');
  return async ({ method, path, headers, body, signal }) => {
    const request: RequestInit = {
      method,
      headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    };
    const response = await fetch(`${base}${path}`, request);
    return { status: response.status, body: chunksOf(response.body) };
  };
}

/** Not every browser can iterate over a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (!stream) return;
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read())
      if (value) yield value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

import type { Sender } from './sender.ts';

/** Sends with `fetch`. @param url Where the node listens: `http://127.0.0.1:8470`. */
export function fetchSender(url: string): Sender {
  const base = url.replace(/\/+$/, '');
  return async ({ method, path, headers, body, signal }) => {
    const request: RequestInit = {
      method,
      headers,
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

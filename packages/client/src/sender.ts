/** One HTTP request. */
export interface ApiCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What came back. The body is read once; leaving its loop closes the connection. */
export interface ApiReply {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends a request. Rejects when no answer came. */
export type Sender = (call: ApiCall) => Promise<ApiReply>;

/** Reads a whole body. */
export async function bytesOf({ body }: ApiReply): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const all = new Uint8Array(chunks.reduce((total, { byteLength }) => total + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

/** Reads a whole body as text. */
export async function textOf(reply: ApiReply): Promise<string> {
  return new TextDecoder().decode(await bytesOf(reply));
}

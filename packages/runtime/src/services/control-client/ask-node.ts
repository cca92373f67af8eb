import { codeOf, messageOf, quotedLines, systemClock, UsageError, VigiaError } from '@vigia/base';
import type { ApiReply } from '@vigia/client';
import { socketSender } from './socket-sender.ts';

/** Largest answer that is read, bytes: a page of events, or a picture. */
const ANSWER_LIMIT = 64 * 1024 * 1024;

/** Options of a request to a node. */
export interface NodeQuestion {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** A document to send. */
  readonly yaml?: string;
  /** Or JSON. */
  readonly json?: string;
}

/**
 * Sends a request to a running node over its control socket. Rejects with the node's message (a UsageError for invalid
 * input), with `no_answer`, with `gone` when the connection was cut, or with `not_running`.
 */
export function askNode(
  socketPath: string,
  path: string,
  timeoutMs: number,
  question: NodeQuestion = {},
): Promise<Buffer> {
  const signal = AbortSignal.timeout(timeoutMs);
  return heard(socketPath, `the node did not answer within ${timeoutMs} ms`, signal, async () => {
    const reply = await sent(socketPath, path, question, signal);
    const body = await bytesOf(reply);
    if (reply.status === 200) return body;
    throw errorOf(body);
  });
}

/** Answers like {@link askNode}, of any length: the bytes, as they come. @param timeoutMs Until the answer begins. */
export async function openOnNode(socketPath: string, path: string, timeoutMs: number): Promise<ApiReply['body']> {
  const abort = new AbortController();
  const timer = systemClock.after(timeoutMs, () => abort.abort());
  return heard(socketPath, `the node did not answer within ${timeoutMs} ms`, abort.signal, async () => {
    const reply = await sent(socketPath, path, {}, abort.signal).finally(() => timer.cancel());
    if (reply.status === 200) return reply.body;
    throw errorOf(await bytesOf(reply));
  });
}

function sent(
  socketPath: string,
  path: string,
  { method = 'GET', yaml, json }: NodeQuestion,
  signal: AbortSignal,
): Promise<ApiReply> {
  const type = yaml === undefined ? 'application/json' : 'application/yaml';
  const body = yaml ?? json;
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': type };
  return socketSender(socketPath)({ method, path, headers, body, signal });
}

/** Gives failures of a connection their sentences. */
async function heard<T>(socketPath: string, late: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw new VigiaError('no_answer', late);
    if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) throw notRunning(socketPath, error);
    if (error instanceof VigiaError || error instanceof UsageError) throw error;
    const code = ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '') ? 'gone' : 'no_answer';
    throw new VigiaError(code, `${socketPath}: no node answers there (${messageOf(error)})`, { cause: error });
  }
}

async function bytesOf({ body }: ApiReply): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > ANSWER_LIMIT) throw new VigiaError('no_answer', `the node answered more than ${ANSWER_LIMIT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function notRunning(socketPath: string, cause: unknown): VigiaError {
  return new VigiaError('not_running', `no node answers at ${socketPath}: is \`vigia run\` running?`, { cause });
}

function errorOf(body: Buffer): VigiaError {
  try {
    const { code, message } = (JSON.parse(body.toString('utf8')) as { error: Record<string, unknown> }).error;
    const isText = typeof code === 'string' && typeof message === 'string';
    if (!isText || message.trim() === '') throw new TypeError('no error of the API');
    // Several problems are several lines.
    const text = quotedLines(message).join('\n');
    return code === 'usage' ? new UsageError(text) : new VigiaError(code, text);
  } catch (cause) {
    return new VigiaError('no_answer', 'the node answered something that is not understood', { cause });
  }
}

import { codeOf, messageOf, quotedLines, UsageError, VigiaError } from '@vigia/base';
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
}

/**
 * Sends a request to a running node over its control socket. Rejects with the node's message (a UsageError for invalid
 * input), with `no_answer`, with `gone` when the connection was cut, or with `not_running`.
 */
export async function askNode(
  socketPath: string,
  path: string,
  timeoutMs: number,
  { method = 'GET', yaml }: NodeQuestion = {},
): Promise<Buffer> {
  const headers: Record<string, string> = yaml === undefined ? {} : { 'content-type': 'application/yaml' };
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const reply = await socketSender(socketPath)({ method, path, headers, body: yaml, signal });
    const body = await bytesOf(reply);
    if (reply.status === 200) return body;
    throw errorOf(body);
  } catch (error) {
    if (signal.aborted) throw new VigiaError('no_answer', `the node did not answer within ${timeoutMs} ms`);
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

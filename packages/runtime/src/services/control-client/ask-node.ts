import { codeOf, UsageError, VigiaError } from '@vigia/base';
import type { ApiReply } from '@vigia/client';
import { socketSender } from './socket-sender.ts';

/** Options of a request to a node. */
export interface NodeQuestion {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** A document to send. */
  readonly yaml?: string;
}

/**
 * Sends a request to a running node over its control socket. Rejects with the node's message (a UsageError for invalid
 * input), with `no_answer`, or with `not_running`.
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
    throw ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '') ? notRunning(socketPath, error) : error;
  }
}

async function bytesOf({ body }: ApiReply): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function notRunning(socketPath: string, cause: unknown): VigiaError {
  return new VigiaError('not_running', `no node answers at ${socketPath}: is \`vigia run\` running?`, { cause });
}

function errorOf(body: Buffer): VigiaError {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error: { code: string; message: string } };
    return error.code === 'usage' ? new UsageError(error.message) : new VigiaError(error.code, error.message);
  } catch (cause) {
    return new VigiaError('no_answer', 'the node answered something that is not understood', { cause });
  }
}

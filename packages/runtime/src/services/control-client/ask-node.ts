import { request } from 'node:http';
import { codeOf, UsageError, VigiaError } from '@vigia/base';

/** Options of a request to a node. */
export interface NodeQuestion {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** A document to send. */
  readonly yaml?: string;
}

/**
 * Sends a request to a running node over its control socket. Rejects with the node's message (a UsageError for invalid
 * input), or with `not_running`.
 */
export function askNode(
  socketPath: string,
  path: string,
  timeoutMs: number,
  { method = 'GET', yaml }: NodeQuestion = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = yaml === undefined ? {} : { 'content-type': 'application/yaml' };
    const asked = request({ socketPath, path, method, headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(body);
        else reject(errorOf(body));
      });
    });
    asked.on('timeout', () =>
      asked.destroy(new VigiaError('no_answer', `the node did not answer within ${timeoutMs} ms`)),
    );
    asked.on('error', (error) => {
      const gone = ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '');
      reject(
        gone
          ? new VigiaError('not_running', `no node answers at ${socketPath}: is \`vigia run\` running?`, {
              cause: error,
            })
          : error,
      );
    });
    asked.end(yaml);
  });
}

function errorOf(body: Buffer): VigiaError {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error: { code: string; message: string } };
    return error.code === 'usage' ? new UsageError(error.message) : new VigiaError(error.code, error.message);
  } catch (cause) {
    return new VigiaError('no_answer', 'the node answered something that is not understood', { cause });
  }
}

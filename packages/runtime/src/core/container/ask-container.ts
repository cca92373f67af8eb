import { connect } from 'node:net';
import { type Clock, encodeJson, FrameDecoder, messageOf } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';

/** A container's answer, or the reason why there is none. */
export type ContainerAnswer<T> = { readonly value: T } | { readonly why: string };

/**
 * Sends one request to a container on a connection of its own (protocol 1).
 *
 * @param options When `signal` aborts, the call returns a reason like any other.
 * @param parse Validates the answer. Undefined: it does not follow the protocol.
 */
export function askContainer<T>(
  socketPath: string,
  message: object,
  parse: (answer: unknown) => T | undefined,
  { clock, timeoutMs, signal }: { readonly clock: Clock; readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<ContainerAnswer<T>> {
  const left = { why: 'nobody waits for the answer any more' };
  if (signal?.aborted) return Promise.resolve(left);
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
    const done = (answer: ContainerAnswer<T>): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = (): void => done(left);
    signal?.addEventListener('abort', onAbort, { once: true });
    const late = (): void => done({ why: `no answer within ${timeoutMs} ms` });
    // On a busy machine this process may be late itself: an answer that lies in the socket is read before it is called missing.
    const timer = clock.after(timeoutMs, () => void setImmediate(late));
    socket.once('connect', () => socket.write(encodeJson({ ...message, request_id: '1' })));
    socket.on('error', (error: NodeJS.ErrnoException) => done({ why: NOBODY[error.code ?? ''] ?? error.message }));
    socket.on('close', () => done({ why: 'it closed the connection without an answer' }));
    socket.on('data', (chunk: Buffer) => {
      try {
        const [payload] = decoder.push(chunk);
        if (!payload) return;
        const value = parse(JSON.parse(UTF8.decode(payload)));
        done(value === undefined ? { why: 'what it answers is not of protocol 1' } : { value });
      } catch (error) {
        done({ why: `what it answers is not of protocol 1 (${messageOf(error)})` });
      }
    });
  });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const NOBODY: Readonly<Record<string, string>> = {
  ENOENT: 'nobody listens',
  ECONNREFUSED: 'nobody listens any more',
};

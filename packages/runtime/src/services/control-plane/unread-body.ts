import type { IncomingMessage } from 'node:http';
import type { Clock } from '@vigia/base';

/** At most this much is discarded, bytes: twice the longest document. */
const LIMIT = 2 * 1024 * 1024;
/** A slower client may lose its answer. Milliseconds. */
const WAIT_MS = 2_000;

/**
 * Reads what a refused request still sends, and forgets it. A connection that ends with unread bytes is reset, and its client
 * may lose the answer (RFC 9112, section 9.6). Resolves in any case.
 */
export function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  // What follows an upgrade is no body.
  if (request.complete || request.destroyed || request.headers.upgrade !== undefined) return Promise.resolve();
  return new Promise((resolve) => {
    let left = LIMIT;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left < 0) done();
    };
    const done = (): void => {
      timer.cancel();
      request.off('data', onData).off('end', done).off('close', done);
      resolve();
    };
    const timer = clock.after(WAIT_MS, done);
    request.on('data', onData).once('end', done).once('close', done).resume();
  });
}

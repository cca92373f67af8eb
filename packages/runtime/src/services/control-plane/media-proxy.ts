import { type IncomingMessage, request as httpRequest } from 'node:http';
import { VigiaError } from '@vigia/base';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a player may say, and what it is answered: nothing else passes. */
const ASKED = ['range', 'if-range', 'if-none-match'] as const;
const ANSWERED = [
  'content-type',
  'content-length',
  'content-range',
  'content-disposition',
  'accept-ranges',
  'etag',
  'retry-after',
  'x-vigia-from',
  'x-vigia-to',
  'x-vigia-gaps',
  'x-vigia-ends',
  'x-vigia-at',
] as const;
/** Until the other process begins to answer: a picture may have to be decoded from its keyframe on. Milliseconds. */
const ANSWER_MS = 30_000;
/** The same of work that takes as long as the results of a day. Milliseconds. */
const WORK_MS = 600_000;

/**
 * Passes a request for recordings on to the process that has them, and its answer back as fast as the client reads: a few
 * buffers are held here, never a clip.
 *
 * @param what Such as `clip.mp4`.
 * @param task Work for that process, with an answer at its end. Undefined: what the query asks for is sent.
 * @throws VigiaError `no_answer` when that process does not answer.
 */
export async function passOn(
  socketPath: string,
  camera: string,
  what: string,
  { raw, headers }: FastifyRequest,
  reply: FastifyReply,
  task?: object,
): Promise<FastifyReply> {
  const query = raw.url?.includes('?') ? raw.url.slice(raw.url.indexOf('?')) : '';
  const sent = Object.fromEntries(
    ASKED.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  const answer = await ask(socketPath, `/${camera}/${what}${query}`, sent, reply, task);
  for (const name of ANSWERED) {
    const value = answer.headers[name];
    if (value !== undefined) void reply.header(name, value);
  }
  void reply.header('cache-control', 'no-store');
  return reply.code(answer.statusCode ?? 502).send(answer);
}

function ask(
  socketPath: string,
  path: string,
  headers: Record<string, string | readonly string[] | undefined>,
  reply: FastifyReply,
  task: object | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const [method, timeout] = task ? ['POST', WORK_MS] : ['GET', ANSWER_MS];
    const request = httpRequest({ socketPath, path, method, headers: { ...headers, host: 'footage' }, timeout });
    request.once('response', (response) => {
      // From here on the pace is the client's.
      request.setTimeout(0);
      resolve(response);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    request.once('error', (cause) =>
      reject(
        new VigiaError('no_answer', `the process that has the recordings does not answer (${cause.message})`, {
          cause,
        }),
      ),
    );
    // A client that leaves needs no clip. It may have left before.
    reply.raw.once('close', () => request.destroy());
    if (reply.raw.destroyed) request.destroy();
    request.end(task && JSON.stringify(task));
  });
}

import { VigiaError } from '@vigia/base';
import type { FastifyRequest } from 'fastify';

/** Names of this machine that a browser may have in its address bar. */
const LOCAL = ['127.0.0.1', 'localhost', '[::1]'];
/** Values of `Sec-Fetch-Site` of requests that no other site's page made. */
const OWN_SITE = new Set(['same-origin', 'none']);

/**
 * Refuses requests that a page of another site makes a browser send: with a name of its own that leads to this machine
 * (DNS rebinding), or across sites. Programs other than browsers send neither `Origin` nor `Sec-Fetch-Site`.
 *
 * @throws VigiaError `forbidden`
 */
export function refuseForeign({ headers, socket }: Pick<FastifyRequest, 'headers' | 'socket'>): void {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  const port = socket.localPort;
  // A browser leaves out the port that its scheme implies.
  if (!LOCAL.some((name) => host === `${name}:${port}` || (port === 80 && host === name)))
    throw new VigiaError('forbidden', `Host: allowed are ${LOCAL.map((name) => `${name}:${port}`).join(', ')}`);
  if (origin !== undefined && origin !== `http://${host}`)
    throw new VigiaError('forbidden', 'Origin: pages of other sites may not use this node');
  if (site !== undefined && !OWN_SITE.has(site))
    throw new VigiaError('forbidden', 'Sec-Fetch-Site: pages of other sites may not use this node');
}

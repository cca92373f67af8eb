import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { VigiaError } from '@vigia/base';
import type { FastifyRequest } from 'fastify';

/** Names of this machine that a browser on it may have in its address bar. */
const LOCAL = ['127.0.0.1', 'localhost', '[::1]'];
/** Values of `Sec-Fetch-Site` of requests that no other site's page made. */
const OWN_SITE = new Set(['same-origin', 'none']);

/** Where a node may be found, besides the names that its own machine has for itself. */
export interface Whereabouts {
  /** Further names, from the configuration: in the network, or of a proxy. */
  readonly names: readonly string[];
  /** Whether other machines may connect. */
  readonly isOpen: boolean;
}

type Guarded = Pick<FastifyRequest, 'headers' | 'socket' | 'url' | 'method'>;

/**
 * Refuses requests that a page of another site makes a browser send: with a name of its own that leads to this machine
 * (DNS rebinding), or across sites. Programs other than browsers send neither `Origin` nor `Sec-Fetch-Site`.
 *
 * @returns a function that throws VigiaError `forbidden`.
 */
export function foreignGuard({ names, isOpen }: Whereabouts): (request: Guarded) => void {
  const open = isOpen ? [...names, hostname().toLowerCase(), `${hostname().toLowerCase()}.local`] : names;
  return ({ headers, socket, url, method }) => {
    const { host = '', origin, 'sec-fetch-site': site } = headers;
    if (!isLocal(host, socket.localPort) && !isKnown(host, open, isOpen))
      throw new VigiaError('forbidden', `Host: allowed are ${allowed(socket.localPort, open, isOpen)}`);
    // A proxy in front of this node may speak TLS.
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw new VigiaError('forbidden', 'Origin: pages of other sites may not use this node');
    if (site !== undefined && !OWN_SITE.has(site) && !isLink(headers, url, method))
      throw new VigiaError('forbidden', 'Sec-Fetch-Site: pages of other sites may not use this node');
  };
}

/** A link of another site may lead to the page: it holds nothing of the node, and cannot be framed. */
function isLink(headers: Guarded['headers'], url: string, method: string): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && url.split('?')[0] === '/';
}

/** A browser leaves out the port that its scheme implies. */
function isLocal(host: string, port: number | undefined): boolean {
  return LOCAL.some((name) => host === `${name}:${port}` || ((port === 80 || port === 443) && host === name));
}

/** An address in digits is no name that somebody else could lead here. */
function isKnown(host: string, names: readonly string[], isOpen: boolean): boolean {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
  return names.includes(name) || (isOpen && isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0);
}

function allowed(port: number | undefined, names: readonly string[], isOpen: boolean): string {
  const local = LOCAL.map((name) => `${name}:${port}`);
  const more = isOpen ? ['addresses in digits', 'names in http.names'] : [];
  return [...local, ...names, ...more].join(', ');
}

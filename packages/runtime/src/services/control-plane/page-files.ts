import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { VigiaError } from '@vigia/base';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiServer } from './visitors.ts';

/** Everything that the page loads comes from this node; pictures and movies are made in the page (`blob:`). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  'media-src blob:',
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
/** The name of an asset has the hash of its content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer;
}

let files: ReadonlyMap<string, PageFile> | undefined;

/**
 * Serves the page: `/`, `/ward` for a screen in a corridor, and `/assets/FILE`. Its files are read into memory with the first request, so no request names a path.
 * It holds nothing of the node: the API gives a page what its user may see.
 */
export function servePage(server: ApiServer): void {
  const serve = (path: string, caching: string) => (request: FastifyRequest, reply: FastifyReply) => {
    const { file } = request.params as { readonly file?: string };
    const found = (files ??= readPage()).get(file ?? path);
    if (!found) throw new VigiaError('not_found', missing(file));
    const isGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    void reply.headers({ ...HEADERS, 'cache-control': caching, vary: 'accept-encoding' }).type(found.type);
    if (isGzip) void reply.header('content-encoding', 'gzip');
    return reply.send(isGzip ? found.gzip : found.body);
  };
  for (const address of ['/', '/ward']) server.get(address, serve('index.html', 'no-cache'));
  server.get('/assets/:file', serve('', FOR_EVER));
}

function missing(file: string | undefined): string {
  return file === undefined ? 'the page is not built: npm run build' : `the page has no file "${file}"`;
}

/** By name. Empty when the page is not built. */
function readPage(): ReadonlyMap<string, PageFile> {
  const dir = dirname(fileURLToPath(import.meta.resolve('@vigia/dashboard/dist/index.html')));
  const assets = join(dir, 'assets');
  if (!existsSync(join(dir, 'index.html'))) return new Map();
  const paths = existsSync(assets) ? readdirSync(assets).map((name) => join(assets, name)) : [];
  return new Map(
    [join(dir, 'index.html'), ...paths].flatMap((path) => {
      const type = TYPES[extname(path)];
      if (type === undefined) return [];
      const body = readFileSync(path);
      return [[path.slice(dirname(path).length + 1), { type, body, gzip: gzipSync(body) }] as const];
    }),
  );
}

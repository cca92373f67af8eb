import type { ApiNode } from './api-node.ts';

/** What is sent, the status of its refusal, and a part of the answer. */
type Refused = readonly [what: string, ask: () => Promise<[number, string]>, status: number, sentence: RegExp];

/** Requests that a node with a camera `hall` and its worker `light` refuses. */
export function refusedRequests(raw: ApiNode['raw']): readonly Refused[] {
  return [
    [
      'a reference to a secret',
      () => raw('PUT', '/api/v1/cameras/a', { 'content-type': 'application/json' }, '{"source":"rtsp://h/${HOME}"}'),
      400,
      /references such as \$\{NAME\} are not filled in/,
    ],
    [
      'a name that leads here (DNS rebinding)',
      () => raw('GET', '/healthz', { host: 'evil.example' }),
      403,
      /"Host: allowed are/,
    ],
    ['a right name with another port', () => raw('GET', '/healthz', { host: '127.0.0.1:1' }), 403, /Host/],
    ['a page of another site', () => raw('POST', '/api/v1/reload', { origin: 'http://evil.example' }), 403, /Origin/],
    ['a page of no site', () => raw('POST', '/api/v1/reload', { origin: 'null' }), 403, /Origin/],
    ['a link on another site', () => raw('GET', '/healthz', { 'sec-fetch-site': 'cross-site' }), 403, /Sec-Fetch-Site/],
    ['no such route', () => raw('GET', '/api/v1/nothing?secret=1'), 404, /there is no GET \/api\/v1\/nothing;/],
    [
      'no such camera',
      () => raw('GET', '/api/v1/cameras/nope'),
      404,
      /there is no camera \\"nope\\"; this node has hall/,
    ],
    [
      'a break of what is no demo',
      () =>
        raw('POST', '/api/v1/demo/break', { 'content-type': 'application/json' }, '{"what":"camera","camera":"hall"}'),
      404,
      /only a demo can be broken on purpose/,
    ],
    ['no camera id', () => raw('GET', '/api/v1/cameras/..%2f..%2fetc'), 400, /path\.camera/],
    ['an unknown parameter', () => raw('GET', '/api/v1/events?camra=hall'), 400, /query: unknown key \\"camra\\"/],
    [
      'a wrong number',
      () => raw('GET', '/api/v1/events?limit=100000'),
      400,
      /query\.limit: found \\"100000\\", at most 1000 is allowed/,
    ],
    ['a wrong kind', () => raw('GET', '/api/v1/events?kind=fal'), 400, /query\.kind/],
    ['a wrong id', () => raw('GET', '/api/v1/events?after=zzzzzzzzzzzzzzzzzzzzzzzzzz'), 400, /query\.after/],
    ['a wrong id of a stream', () => raw('GET', '/api/v1/events/stream?after=1'), 400, /Last-Event-ID|query\.after/],
    ['a wrong revision', () => raw('DELETE', '/api/v1/cameras/hall', { 'if-match': '3' }), 400, /If-Match: a revision/],
    ['a wrong key', () => raw('POST', '/api/v1/reload', { 'idempotency-key': 'a b' }), 400, /Idempotency-Key/],
    [
      'no JSON',
      () => raw('PUT', '/api/v1/cameras/a', { 'content-type': 'application/json' }, '{'),
      400,
      /not valid JSON/,
    ],
    [
      'a body that is nested too deeply',
      () =>
        raw(
          'PUT',
          '/api/v1/cameras/a',
          { 'content-type': 'application/json' },
          '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000),
        ),
      400,
      /at most 64 levels/,
    ],
    [
      'a document that is nested too deeply',
      () => raw('PUT', '/api/v1/config?dry_run=1', { 'content-type': 'text/plain' }, '['.repeat(50_000)),
      400,
      /usage/,
    ],
    ['an expectation', () => raw('GET', '/healthz', { expect: 'more' }), 417, /100-continue/],
    ['headers that are too long', () => raw('GET', '/healthz', { 'x-long': 'y'.repeat(20_000) }), 431, /16 KiB/],
    ['what is no HTTP', () => raw('GET', '/healthz', { 'transfer-encoding': 'gzip' }), 400, /no valid HTTP/],
    [
      'half a handshake of a WebSocket',
      () => raw('GET', '/api/v1/stream', { connection: 'Upgrade', upgrade: 'websocket' }),
      400,
      /no handshake of a WebSocket: Missing or invalid Sec-WebSocket-Key/,
    ],
    [
      'a body of another type',
      () => raw('PUT', '/api/v1/cameras/a', { 'content-type': 'text/xml' }, '<a/>'),
      415,
      /Unsupported/,
    ],
    [
      'a body that is too long',
      () => raw('PUT', '/api/v1/config', { 'content-type': 'text/plain' }, 'a'.repeat(1_100_000)),
      413,
      /too large/,
    ],
    [
      'settings that are wrong',
      () => raw('PUT', '/api/v1/cameras/a', { 'content-type': 'application/json' }, '{"sorce":1}'),
      400,
      /cameras\.a\.sorce: unknown key, did you mean \\"source\\"/,
    ],
    [
      'a consumer without a worker',
      () => raw('POST', '/api/v1/cameras/hall/consumers/x/restart'),
      404,
      /consumers with workers: light/,
    ],
    [
      'a file that is not previewed',
      () => raw('PUT', '/api/v1/config?file=x', { 'content-type': 'text/plain' }, 'a: 1'),
      400,
      /allowed with dry_run=1 only/,
    ],
  ];
}

import { gzipSync } from 'node:zlib';
import { API, API_NAMES, type ApiName, type ApiRoute, openApi } from '@vigia/contracts/api';
import type { Random } from '../container-fuzz/random.ts';
import { HIDDEN, type Person, SEEN } from './people.ts';
import { type JsonSchema, SchemaValues } from './schema-values.ts';

type Header = readonly [name: string, value: string];

/** A request before it is bytes. */
interface Draft {
  readonly route: ApiName;
  method: string;
  path: string;
  headers: Header[];
  body: Buffer;
  camera: string | undefined;
  version: string;
  /** Nothing of it keeps it from its route: who may not make it is refused for that reason. */
  plain: boolean;
  /** It may be answered by the end of the connection. */
  mayClose: boolean;
  cut: boolean;
  /** Sent in so many parts. */
  parts: number;
}

/** A request to send. */
export interface FuzzRequest extends Pick<Draft, 'route' | 'camera' | 'plain' | 'mayClose' | 'cut'> {
  readonly kind: string;
  readonly parts: readonly Buffer[];
  readonly frames: readonly Buffer[];
}

/** Headers that show who asks. */
export type Login = readonly Header[];

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: JsonSchema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

const { paths, components } = openApi('fuzz') as unknown as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
};

/** Those that cost a process, a picture or a stream are asked more rarely. */
const DEAR = new Set<ApiName>([
  'restartCamera',
  'restartConsumer',
  'snapshot',
  'report',
  'reload',
  'login',
  'stream',
  'mjpeg',
]);
const ROUTES = API_NAMES.flatMap((name) => Array.from({ length: DEAR.has(name) ? 1 : 5 }, () => name));
const MIB = 2 ** 20;
/** A password that a request may set. It must not be seen anywhere. */
export const SENT_PASSWORD = 'sent-by-the-fuzzer-only';

type Change = (draft: Draft, random: Random, values: SchemaValues) => void;

const odd = (change: (draft: Draft, random: Random) => void): Change => {
  return (draft, random) => {
    draft.plain = false;
    change(draft, random);
  };
};
const broken = (change: (draft: Draft, random: Random) => void): Change => {
  return odd((draft, random) => {
    draft.mayClose = true;
    change(draft, random);
  });
};
const withHeader = (draft: Draft, name: string, value: string): void => void draft.headers.push([name, value]);
const nested = (random: Random): string => {
  const depth = random.of([100, 1_000, 10_000, 200_000]);
  return random.of([
    '['.repeat(depth) + ']'.repeat(depth),
    '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
    '['.repeat(depth),
  ]);
};
const YAML_BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => {
  const [name, last] = [String.fromCodePoint(98 + i), String.fromCodePoint(97 + i)];
  return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${last}`).join(',')}]`;
}).join('\n')}`;

/** What is done to a request, by the name of its kind. */
const CHANGES: Readonly<Record<string, Change>> = {
  'as its schema says': () => undefined,
  'values beyond its schema': () => undefined,
  'unknown parameters': (draft, random, values) => {
    const name = encodeURIComponent(values.oddKey());
    draft.path += `${draft.path.includes('?') ? '&' : '?'}${name}=${random.int(0, 9)}`;
  },
  'headers of the API': (draft, random) => {
    const pick: readonly (() => Header)[] = [
      () => ['If-Match', random.of(['"1"', '"999"', '1', '*', 'W/"1"', '""', '"-1"', '"1e3"', 'x'.repeat(500)])],
      () => ['Idempotency-Key', random.of(['k', 'k', '', ' ', 'x'.repeat(128), 'x'.repeat(129), '__proto__', 'é'])],
      () => ['Last-Event-ID', random.of(['0'.repeat(26), '7'.padEnd(26, 'Z'), 'x', '', '0'.repeat(27)])],
      () => ['Accept', random.of(['*/*', 'text/event-stream', 'image/png', 'x'.repeat(1_000)])],
    ];
    for (let n = random.int(1, 3); n > 0; n -= 1) draft.headers.push(random.of(pick)());
  },
  'a foreign page or name': odd((draft, random) => {
    const [name, value] = random.of<Header>([
      ['Host', 'evil.example'],
      ['Host', ''],
      ['Host', '127.0.0.1:1'],
      ['Origin', 'http://evil.example'],
      ['Origin', 'null'],
      ['Sec-Fetch-Site', 'cross-site'],
    ]);
    draft.headers = draft.headers.filter(([other]) => other !== name);
    withHeader(draft, name, value);
  }),
  'logins that are none': odd((draft, random) => {
    const token = 'vigia_000000000000_0000000000000000000000000000000000000000000';
    const value = random.of(['Bearer ', `Bearer ${token}`, 'Basic YTpi', 'Bearer a b', token, `bearer  ${token}x`]);
    if (random.once(2)) draft.headers = [...draft.headers, ['Authorization', value]];
    else
      withHeader(draft, 'Cookie', random.of([`vigia_session=${token}`, 'vigia_session=', '=;=;', 'a'.repeat(5_000)]));
  }),
  'other content types': odd((draft, random) => {
    draft.headers = draft.headers.filter(([name]) => name !== 'Content-Type');
    const types = [
      'text/plain',
      'application/yaml',
      'text/xml',
      'multipart/form-data',
      'application/json; charset=utf-16',
      '',
      'x',
      '*/*',
    ];
    withHeader(draft, 'Content-Type', random.of(types));
  }),
  'other encodings': odd((draft, random) => {
    const text = draft.body.toString('utf8');
    const encodings: readonly (() => Buffer)[] = [
      () => Buffer.from(text, 'utf16le'),
      () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), draft.body]),
      () => Buffer.concat([draft.body, Buffer.from([0xff, 0xfe, 0xc0, 0x80])]),
      () => gzipSync(draft.body),
      () => gzipSync(Buffer.alloc(MIB)),
    ];
    if (random.once(2)) withHeader(draft, 'Content-Encoding', random.of(['gzip', 'br', 'identity', 'x']));
    draft.body = random.of(encodings)();
  }),
  'damaged bodies': odd((draft, random) => {
    draft.body = random.once(3) ? random.bytes(random.int(0, 200)) : random.mutated(draft.body);
  }),
  'deep nesting': odd((draft, random) => {
    draft.body = Buffer.from(nested(random));
    if (random.once(4)) draft.body = Buffer.from(YAML_BOMB);
  }),
  'bodies of a mebibyte': odd((draft, random) => {
    const length = random.of([MIB - 1, MIB, MIB + 1, MIB + 1, 2 * MIB]);
    draft.mayClose = length > MIB;
    draft.body = Buffer.from(`{"name":"${'x'.repeat(length - 11)}"}`);
  }),
  'odd addresses': odd((draft, random) => {
    const { path } = draft;
    const odds: readonly string[] = [
      path.replace('/api', '//api'),
      path.replace('/api/v1', '/api/v1/../v1'),
      path.replaceAll('a', '%61'),
      path.toUpperCase(),
      `${path}/`,
      `${path}%`,
      `${path}%ff%fe`,
      `${path}%00`,
      `${path}${'/x'.repeat(2_000)}`,
      `${path}?${'a=1&'.repeat(2_000)}`,
      `${path}?a[b][c]=1&a=2&__proto__=1`,
      `http://evil.example${path}`,
      `${path}#x`,
      path.slice(1),
      '*',
      '/',
      `/${'a'.repeat(15_000)}`,
      `${path};a=b`,
      path.replaceAll('/', '%2f'),
      path.replaceAll('/', '\\'),
    ];
    draft.path = random.of(odds);
    draft.mayClose = !draft.path.startsWith('/') || draft.path.length > 10_000;
  }),
  'odd methods': odd((draft, random) => {
    draft.method = random.of(['HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'PUT', 'POST', 'DELETE']);
    draft.mayClose = draft.method === 'HEAD';
  }),
  'many and long headers': broken((draft, random) => {
    if (random.once(2)) for (let n = 0; n < 200; n += 1) withHeader(draft, `X-${n}`, 'y');
    else withHeader(draft, 'X-Long', 'y'.repeat(random.of([1_000, 15_000, 17_000, 100_000])));
  }),
  'headers twice': broken((draft, random) => {
    const [name, value] = random.of(draft.headers);
    withHeader(draft, name, random.once(2) ? value : `${value}x`);
  }),
  'wrong lengths': broken((draft, random) => {
    const length = random.of(['0', '1', '-1', 'x', '1e3', '99999999999', '18446744073709551616', ' 5', '+5', '0x10']);
    draft.headers = [...draft.headers.filter(([name]) => name !== 'Content-Length'), ['Content-Length', length]];
    draft.cut = true;
  }),
  'broken chunks': broken((draft, random) => {
    draft.headers = draft.headers.filter(([name]) => name !== 'Content-Length' || random.once(8));
    withHeader(draft, 'Transfer-Encoding', random.of(['chunked', 'chunked', 'gzip, chunked', 'x', 'chunked, chunked']));
    const text = draft.body.toString('latin1');
    const length = draft.body.length.toString(16);
    const wire = random.of([
      `${length}\r\n${text}\r\n0\r\n\r\n`,
      `${length};a=b\r\n${text}\r\n0\r\nTrailer: x\r\n\r\n`,
      `${length}\r\n${text}`,
      `fffffffffffffffff\r\n${text}\r\n0\r\n\r\n`,
      `zz\r\n${text}\r\n0\r\n\r\n`,
      '0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
    ]);
    draft.body = Buffer.from(wire, 'latin1');
    draft.cut = true;
  }),
  'no HTTP': broken((draft, random) => {
    draft.version = random.of(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '', 'HTTP/1.1 ', 'RTSP/1.0']);
    if (random.once(2)) draft.headers = draft.headers.filter(([name]) => name !== 'Host');
    draft.method = random.of(['GET', 'get', 'GÉT', 'CONNECT', '', 'BREW', draft.method]);
    draft.cut = true;
  }),
  'odd bytes in headers': broken((draft, random) => {
    const odds = ['\u0000', '\u0001', '\r', '\n', '\u00ff', ' : ', '\r\n folded'];
    withHeader(draft, `X${random.once(2) ? random.of(odds) : ''}`, random.of(odds));
    draft.cut = true;
  }),
  'an expectation': broken((draft, random) => {
    withHeader(draft, 'Expect', random.of(['100-continue', 'x']));
  }),
  'an upgrade of something else': broken((draft, random) => {
    withHeader(draft, 'Connection', 'Upgrade');
    withHeader(draft, 'Upgrade', random.of(['websocket', 'h2c', 'TLS/1.0', '', 'x'.repeat(1_000)]));
  }),
  'in parts': (draft, random) => {
    draft.parts = random.int(2, 6);
  },
};
/** These need a route that reads a body. */
const ABOUT_BODIES = new Set([
  'other content types',
  'other encodings',
  'damaged bodies',
  'deep nesting',
  'bodies of a mebibyte',
  'broken chunks',
]);
const ROUTES_WITH_BODIES = ROUTES.filter((name) => 'body' in API[name]);
/** Most requests reach their route. */
const KINDS = [
  ...Object.keys(CHANGES),
  ...Array.from({ length: 6 }, () => 'as its schema says'),
  ...Array.from({ length: 6 }, () => 'values beyond its schema'),
];

/** Makes requests to every route, from the schemas of OpenAPI. */
export class Requests {
  readonly #random: Random;
  readonly #values: SchemaValues;
  readonly #host: string;

  /** @param host Of the node, as in `Host`. */
  constructor(random: Random, host: string) {
    this.#random = random;
    this.#values = new SchemaValues(random, components.schemas);
    this.#host = host;
  }

  /** One request of somebody. It ends neither the node nor their session, and restarts rarely. */
  next(person: Person, login: Login): FuzzRequest {
    const random = this.#random;
    const kind = random.of(KINDS);
    const routes = ABOUT_BODIES.has(kind) && !random.once(4) ? ROUTES_WITH_BODIES : ROUTES;
    const draft = this.#draft(random.of(routes), login, kind === 'values beyond its schema');
    CHANGES[kind]?.(draft, random, this.#values);
    if (mayStop(person) && /stop/i.test(decoded(draft.path))) return this.next(person, login);
    if (person.by === 'session' && /logout/i.test(decoded(draft.path))) return this.next(person, login);
    if (person.role !== undefined && isRestart(draft) && !random.once(8)) return this.next(person, login);
    const { route, camera, plain, mayClose, cut } = draft;
    return { route, camera, plain, mayClose, cut, kind, parts: partsOf(draft), frames: [] };
  }

  #draft(route: ApiName, login: Login, beyond: boolean): Draft {
    const { method, path }: ApiRoute = API[route];
    const { parameters, requestBody } = (paths[path]?.[method.toLowerCase()] ?? {}) as Operation;
    const params: Record<string, string> = {};
    for (const { name, schema } of parameters.filter((one) => one.in === 'path'))
      params[name] = this.#parameter(name, schema, beyond);
    const query = parameters
      .filter((one) => one.in === 'query' && this.#random.once(2))
      .map(
        ({ name, schema }) => `${name}=${encoded(beyond ? this.#values.text(schema) : String(this.#valid(schema)))}`,
      );
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(params[name] ?? ''));
    const body = requestBody ? this.#body(route, requestBody.content, beyond) : Buffer.alloc(0);
    const type: Header[] = requestBody ? [['Content-Type', 'application/json']] : [];
    return {
      route,
      method,
      path: query.length > 0 ? `${filled}?${query.join('&')}` : filled,
      headers: [['Host', this.#host], ['Connection', 'close'], ...login, ...type],
      body,
      camera: params['camera'],
      version: 'HTTP/1.1',
      plain: true,
      mayClose: false,
      cut: false,
      parts: 1,
    };
  }

  #valid(schema: JsonSchema): unknown {
    return this.#values.of(schema, 0);
  }

  #parameter(name: string, schema: JsonSchema, beyond: boolean): string {
    if (beyond) return this.#values.text(schema);
    // Accounts of the test itself are not removed: those who send requests go on.
    if (name === 'user') return this.#random.of(['victim', 'nobody']);
    if (name === 'camera') return this.#random.of([SEEN, HIDDEN, 'new', 'new']);
    return name === 'consumer' ? this.#random.of(['light', 'nobody']) : String(this.#valid(schema));
  }

  #body(route: ApiName, content: Readonly<Record<string, { readonly schema: JsonSchema }>>, beyond: boolean): Buffer {
    const schema = Object.values(content)[0]?.schema ?? {};
    let value = beyond ? this.#values.of(schema) : this.#valid(schema);
    if (typeof value === 'object' && value !== null && 'password' in value)
      value = { ...value, password: this.#random.once(40) ? SENT_PASSWORD : this.#random.of(['short', 7, null]) };
    // A camera with random settings has a process: few are worth it.
    if (route === 'putCamera' && !this.#random.once(6)) value = { ...(value as object), source: 'nonsense' };
    return Buffer.from(JSON.stringify(value) ?? '');
  }
}

function encoded(text: string): string {
  // Half a character cannot be encoded.
  return encodeURIComponent(Buffer.from(text).toString('utf8'));
}

function decoded(path: string): string {
  return path.replaceAll(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

function mayStop({ role, cameras, by }: Person): boolean {
  return role === 'admin' && cameras === 'all' && by !== 'bare session';
}

function isRestart({ route }: Draft): boolean {
  return route === 'restartCamera' || route === 'restartConsumer';
}

function partsOf({ method, path, version, headers, body, parts }: Draft): Buffer[] {
  const hasLength = headers.some(([name]) => name === 'Content-Length' || name === 'Transfer-Encoding');
  const length: Header[] =
    hasLength || (body.length === 0 && method === 'GET') ? [] : [['Content-Length', String(body.length)]];
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const bytes = Buffer.concat([Buffer.from(`${method} ${path} ${version}\r\n${lines}\r\n`, 'latin1'), body]);
  const size = Math.ceil(bytes.length / parts);
  return Array.from({ length: parts }, (_, i) => bytes.subarray(i * size, (i + 1) * size)).filter(
    ({ length: n }) => n > 0,
  );
}

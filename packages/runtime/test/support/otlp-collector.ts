import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it arrived, its attributes as plain values. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A request as it arrived. */
export interface ReceivedTraces {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly spans: readonly ReceivedSpan[];
}

type Attributes = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];

/** How the collector answers a request. */
export type Manner = (response: ServerResponse) => void;

/** Answers as a collector does that takes everything. */
export const ACCEPTS: Manner = (response) => response.end('{}');
/** Never answers. */
export const HANGS: Manner = () => undefined;

/** Something that takes OTLP over HTTP in JSON, on a port of its own. */
export class OtlpCollector {
  readonly received: ReceivedTraces[] = [];
  manner = ACCEPTS;
  readonly #server: Server;
  #wake: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        this.received.push({ path: request.url, headers: request.headers, ...bodyOf(text) });
        this.manner(response);
        for (const wake of this.#wake.splice(0)) wake();
      });
    });
  }

  static async start(): Promise<OtlpCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new OtlpCollector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  /** Resolves when so many requests have been received since the start. */
  async requests(count: number): Promise<void> {
    while (this.received.length < count) await new Promise<void>((resolve) => void this.#wake.push(resolve));
  }

  /** The spans from the first one on for which this holds. */
  async until(holds: (all: readonly ReceivedSpan[], at: number) => boolean): Promise<readonly ReceivedSpan[]> {
    for (let count = 1; ; count += 1) {
      await this.requests(count);
      const all = this.received.flatMap(({ spans }) => spans);
      const at = all.findIndex((_, i) => holds(all, i));
      if (at >= 0) return all.slice(at);
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** The resource and the spans of a request. */
export function bodyOf(text: string): Pick<ReceivedTraces, 'resource' | 'spans'> {
  const { resourceSpans } = JSON.parse(text) as {
    resourceSpans: [
      {
        resource: { attributes: Attributes };
        scopeSpans: [{ spans: (Omit<ReceivedSpan, 'attributes'> & { attributes: Attributes })[] }];
      },
    ];
  };
  const [{ resource, scopeSpans }] = resourceSpans;
  const spans = scopeSpans[0].spans.map((span) => Object.assign({}, span, { attributes: plain(span.attributes) }));
  return { resource: plain(resource.attributes), spans };
}

function plain(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '@vigia/base';
import { encodeAnswer, type InferenceFault } from './faults.ts';
import { type InferAnswer, type InferMessage, readRequest, writeAnswer } from './messages.ts';
import type { ServedTensor } from './tensors.ts';

/** A port as the server describes it. −1 is an open size. */
export interface ServedPort {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** The server's model. The caller implements it. */
export interface ServedModel {
  readonly name: string;
  readonly inputs: readonly ServedPort[];
  readonly outputs: readonly ServedPort[];
  /** @returns All outputs. An exception is answered with 400. */
  infer(inputs: readonly ServedTensor[]): Promise<readonly ServedTensor[]>;
}

const JSON_BYTES = 'inference-header-content-length';

/**
 * A server of the Open Inference Protocol (KServe v2) over HTTP on 127.0.0.1, with JSON and binary tensors, for one
 * model; with optional faults. The creator closes it.
 */
export class InferenceServer {
  /** The current misbehaviour. */
  fault: InferenceFault | undefined;
  /** Whether it reports server and model as ready. */
  ready = true;
  /** The bearer token required of every request, if set. */
  token: string | undefined;
  /** Received inference requests, in order. */
  readonly requests: InferMessage[] = [];
  /** JSON of all answers except health. */
  readonly answers: { readonly kind: 'metadata' | 'infer' | 'error'; readonly json: unknown }[] = [];
  /** Number of connections opened. */
  connections = 0;
  readonly #server: Server;
  readonly #model: ServedModel;
  #asked: (() => void)[] = [];

  private constructor(model: ServedModel) {
    this.#model = model;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#error(response, 400, messageOf(error)));
    });
    this.#server.on('connection', () => (this.connections += 1));
  }

  /** Listens. @param port Default: any. */
  static async start(model: ServedModel, port = 0): Promise<InferenceServer> {
    const server = new InferenceServer(model);
    server.#server.listen(port, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** `http://127.0.0.1:PORT`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the next inference request has arrived, before it is answered. */
  asked(): Promise<void> {
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  /** Closes every idle connection, as a server may at any time. */
  closeIdleConnections(): void {
    this.#server.closeIdleConnections();
  }

  /** Closes it with its connections. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`)
      return this.#error(response, 401, 'not authorized');
    const path = request.url ?? '';
    const [, name, rest = ''] = /^\/v2\/models\/([^/]+)(?:\/versions\/[^/]+)?(\/\w+)?$/.exec(path) ?? [];
    if (path.startsWith('/v2/health/')) return this.#health(response);
    if (path === '/v2' || path === '/v2/') {
      return this.#json(response, 'metadata', { name: 'testkit', version: '1', extensions: ['binary_tensor_data'] });
    }
    if (name !== this.#model.name) return this.#error(response, 404, `there is no model ${name ?? path}`);
    if (rest === '/ready') return this.#health(response);
    if (rest === '') return this.#metadata(response);
    return this.#infer(request, Buffer.concat(chunks), response);
  }

  #health(response: ServerResponse): void {
    response.writeHead(this.ready ? 200 : 503).end();
  }

  #metadata(response: ServerResponse): void {
    const { name, inputs, outputs } = this.#model;
    this.#json(response, 'metadata', { name, versions: ['1'], platform: 'onnxruntime_onnx', inputs, outputs });
  }

  async #infer(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const text = request.headers[JSON_BYTES];
    const message = readRequest(body, typeof text === 'string' ? Number(text) : undefined);
    this.requests.push(message);
    for (const resolve of this.#asked.splice(0)) resolve();
    const { fault } = this;
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'close') {
      response.destroy();
      return;
    }
    if (fault?.kind === 'status') return this.#error(response, fault.status, fault.error ?? 'failed on request');
    if (fault?.kind === 'garbage') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(Buffer.from('no message at all'));
      return;
    }
    const all = await this.#model.infer(message.inputs);
    const named = message.outputs.map((output) => output.name);
    const wanted = named.length > 0 ? all.filter((tensor) => named.includes(tensor.name)) : all;
    const answer = writeAnswer(this.#model.name, wanted, message);
    this.#send(response, fault?.kind === 'altered' ? fault.alter(answer) : answer, fault?.kind === 'half');
  }

  #send(response: ServerResponse, answer: InferAnswer, half: boolean): void {
    const { body, jsonBytes } = encodeAnswer(answer);
    this.answers.push({ kind: 'infer', json: answer.json });
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': body.byteLength,
      ...(answer.binary.length > 0 ? { [JSON_BYTES]: jsonBytes } : {}),
    });
    if (half) response.write(body.subarray(0, body.byteLength / 2), () => response.destroy());
    else response.end(body);
  }

  #error(response: ServerResponse, status: number, error: string): void {
    this.#json(response, 'error', { error }, status);
  }

  #json(response: ServerResponse, kind: 'metadata' | 'error', json: object, status = 200): void {
    this.answers.push({ kind, json });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  }
}

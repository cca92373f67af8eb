import { createServer, connect, type Server, type Socket } from 'node:net';
import { request } from 'node:http';
import type { Sender } from '@vigia/client';
import type { AddressInfo } from 'node:net';

/** Forwards connections to a port of this machine, and cuts them when a test asks for it. */
export class CutProxy {
  readonly #server: Server;
  readonly #port: number;
  readonly #open = new Set<Socket>();

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((client) => {
      const node = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, node],
        [node, client],
      ] as const) {
        this.#open.add(from);
        from.pipe(to);
        from
          .on('error', () => undefined)
          .on('close', () => {
            this.#open.delete(from);
            to.destroy();
          });
      }
    });
  }

  static async start(port: number): Promise<CutProxy> {
    const proxy = new CutProxy(port);
    await new Promise<void>((resolve) => void proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** Sends through this proxy, under the node's own name. */
  get sender(): Sender {
    const { port } = this.#server.address() as AddressInfo;
    return ({ method, path, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        const host = { host: `127.0.0.1:${this.#port}` };
        const options = {
          host: '127.0.0.1',
          port,
          method,
          path,
          headers: { ...headers, ...host },
          signal,
          agent: false,
        } as const;
        const asked = request(options, (response) => resolve({ status: response.statusCode ?? 0, body: response }));
        asked.on('error', reject);
        asked.end(body);
      });
  }

  /** Cuts every open connection. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}

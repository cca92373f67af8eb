import { createServer, connect, type Server, type Socket } from 'node:net';
import { request } from 'node:http';
import type { Sender } from '@vigia/client';
import type { AddressInfo } from 'node:net';

/** Forwards connections to a port, or a Unix socket, of this machine, and cuts them when a test asks for it. */
export class CutProxy {
  readonly #server: Server;
  readonly #target: number | string;
  readonly #open = new Set<Socket>();

  private constructor(target: number | string) {
    this.#target = target;
    this.#server = createServer((client) => {
      const node = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target);
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

  /** @param target A port, or the path of a socket. */
  static async start(target: number | string): Promise<CutProxy> {
    const proxy = new CutProxy(target);
    await new Promise<void>((resolve) => void proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends through this proxy, under the node's own name. */
  get sender(): Sender {
    const { port } = this;
    return ({ method, path, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        const host = { host: `127.0.0.1:${this.#target}` };
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

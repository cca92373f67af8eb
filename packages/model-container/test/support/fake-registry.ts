import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Behaviour of {@link FakeRegistry}. May be changed between requests. */
export interface RegistryBehaviour {
  readonly integrity: string;
  readonly tarball: Buffer;
  /** The package does not exist. */
  readonly missing?: boolean;
  /** Sends half of the tarball only. */
  readonly stall?: boolean;
}

/** A registry on 127.0.0.1 with one package, `tiny-model@1.0.0`. The starter closes it. */
export class FakeRegistry {
  behaviour: RegistryBehaviour;
  /** Requested paths. */
  readonly requests: string[] = [];
  readonly #server: Server;
  /** Called when half of a tarball was sent. */
  onStall: (response: ServerResponse) => void = () => undefined;

  private constructor(behaviour: RegistryBehaviour) {
    this.behaviour = behaviour;
    this.#server = createServer((request, response) => {
      this.requests.push(request.url ?? '');
      const { missing, tarball, stall } = this.behaviour;
      if (missing) response.writeHead(404).end('{}');
      else if (!request.url?.endsWith('.tgz'))
        response.setHeader('content-type', 'application/json').end(this.#packument());
      else if (!stall) response.setHeader('content-length', tarball.byteLength).end(tarball);
      else {
        response.setHeader('content-length', tarball.byteLength);
        response.write(tarball.subarray(0, tarball.byteLength / 2), () => this.onStall(response));
      }
    });
  }

  /** Listens. */
  static async start(behaviour: RegistryBehaviour): Promise<FakeRegistry> {
    const registry = new FakeRegistry(behaviour);
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** Its address. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Closes it with its connections. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #packument(): string {
    const dist = { tarball: `${this.url}tiny-model/-/tiny-model-1.0.0.tgz`, integrity: this.behaviour.integrity };
    const version = { name: 'tiny-model', version: '1.0.0', dist };
    return JSON.stringify({ name: 'tiny-model', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } });
  }
}

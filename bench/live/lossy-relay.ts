import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '@vigia/base';

/** What a network does to packets, in each direction. */
export interface Network {
  /** Share of the packets that are lost. */
  readonly loss: number;
  readonly delayMs: number;
}

/** Packets that it holds at most. */
const HELD_LIMIT = 10_000;

/** A UDP relay on this machine between the viewers who send to `port` and a server. Loses the same packets in each run. */
export class LossyRelay {
  readonly port: number;
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #serverPort: number;
  /** By the viewer's address: the socket from which the server hears it. */
  readonly #viewers = new Map<string, Socket>();
  #random = 1;
  #held = 0;

  private constructor(socket: Socket, serverPort: number, network: Network) {
    this.#socket = socket;
    this.#serverPort = serverPort;
    this.#network = network;
    this.port = socket.address().port;
    socket.on('message', (packet, viewer) => {
      const toServer = this.#viewerOf(viewer);
      this.#pass(() => toServer.send(packet, this.#serverPort, '127.0.0.1'));
    });
  }

  static async open(serverPort: number, network: Network): Promise<LossyRelay> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new LossyRelay(socket, serverPort, network);
  }

  close(): void {
    this.#socket.close();
    for (const socket of this.#viewers.values()) socket.close();
    this.#viewers.clear();
  }

  /** A browser sends from any of this machine's addresses, and hears answers only there. */
  #viewerOf({ address, port }: Pick<RemoteInfo, 'address' | 'port'>): Socket {
    const name = `${address}:${port}`;
    const known = this.#viewers.get(name);
    if (known) return known;
    const socket = createSocket('udp4');
    socket.on('message', (packet) => this.#pass(() => this.#socket.send(packet, port, address)));
    this.#viewers.set(name, socket);
    return socket;
  }

  #pass(send: () => void): void {
    const { loss, delayMs } = this.#network;
    // The "minimal standard" generator of Park and Miller, 1988.
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    if (this.#random / 2_147_483_647 < loss || this.#held >= HELD_LIMIT) return;
    this.#held += 1;
    systemClock.after(delayMs, () => {
      this.#held -= 1;
      try {
        send();
      } catch {
        // Closed meanwhile.
      }
    });
  }
}

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { BrokerScript } from './broker-scripts.ts';
import { flood } from './flood.ts';
import { MqttTexts } from './mqtt-texts.ts';

const CONNECT = 1;

/** A server in place of a broker: it plays a script on each connection. */
export class HostileBroker {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scriptOf: (client: string) => BrokerScript | undefined;
  readonly #onText: ((text: string) => void) | undefined;
  connections = 0;

  private constructor(scriptOf: (client: string) => BrokerScript | undefined, onText?: (text: string) => void) {
    this.#scriptOf = scriptOf;
    this.#onText = onText;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /**
   * @param scriptOf By the text of CONNECT, which has the client id. Undefined: the connection is closed.
   * @param onText Gets topics and payloads of what clients publish.
   */
  static async start(
    scriptOf: (client: string) => BrokerScript | undefined,
    onText?: (text: string) => void,
  ): Promise<HostileBroker> {
    const broker = new HostileBroker(scriptOf, onText);
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    let begun = false;
    const texts = new MqttTexts();
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const text of texts.push(chunk)) this.#onText?.(text);
      if (!begun && (chunk[0] ?? 0) >> 4 === CONNECT) this.#play(socket, this.#scriptOf(chunk.toString('latin1')));
      begun = true;
    });
  }

  #play(socket: Socket, script: BrokerScript | undefined): void {
    if (!script) {
      socket.destroy();
      return;
    }
    for (const bytes of [script.first, ...script.rest]) socket.write(bytes);
    if (script.flood) flood(socket, script.flood);
    // Its last bytes are read before its end is noticed.
    if (script.after === 'end') socket.end();
    if (script.after === 'reset') socket.write(Buffer.alloc(0), () => socket.resetAndDestroy());
  }
}

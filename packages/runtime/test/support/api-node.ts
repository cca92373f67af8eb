import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiClient, createClient } from '@vigia/client';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { SimulatedCamera } from '@vigia/testkit';
import { freePort } from './programs.ts';
import { CLIP, Sandbox, Vigia } from './vigia.ts';

const BRIGHT = fileURLToPath(new URL('../../../../examples/workers/brightness.mjs', import.meta.url));

/** A node with one camera, `hall`, one worker, `light`, and its API on a port and on the control socket. */
export class ApiNode {
  readonly box = new Sandbox();
  readonly vigia: Vigia;
  readonly port: number;
  readonly overTcp: ApiClient;
  readonly overSocket: ApiClient;
  readonly #camera: SimulatedCamera;

  private constructor(camera: SimulatedCamera, port: number) {
    this.#camera = camera;
    this.port = port;
    this.vigia = new Vigia(['run', '-c', this.box.file('vigia.yml', this.document(0)), '--json'], this.box.env);
    this.overTcp = createClient({ url: `http://127.0.0.1:${port}` });
    this.overSocket = createClient({ send: socketSender(join(this.box.runDir, 'control.sock')) });
  }

  /** Resolves when there are results. */
  static async start(): Promise<ApiNode> {
    const node = new ApiNode(await SimulatedCamera.start({ clip: CLIP }), await freePort());
    await node.vigia.until('an ok result', () => node.vigia.results.some(({ status }) => status === 'ok'));
    return node;
  }

  /** The node's document. Another number changes a worker that no consumer uses: an event, and no process. */
  document(n: number): string {
    return `version: 1
node: ${this.box.node}
http: { listen: "127.0.0.1:${this.port}" }
workers:
  bright: { command: [${process.execPath}, ${BRIGHT}], input: { format: GRAY8, width: 64, height: 36 } }
  unused: { command: [/bin/true], input: { format: GRAY8, width: 64, height: 36 }, options: { n: ${n} } }
cameras:
  hall: { source: "${this.#camera.url}", consumers: { light: { worker: bright, fps: 2 } } }
`;
  }

  /** What a request answers: status and text. With headers that `fetch` would not send. */
  raw(method: string, path: string, more: Record<string, string> = {}, body?: string): Promise<[number, string]> {
    // Node's client sends a body with GET, but not its length.
    const headers = body === undefined ? more : { ...more, 'content-length': String(Buffer.byteLength(body)) };
    const to = { host: '127.0.0.1', port: this.port, method, path, headers, agent: false, timeout: 10_000 } as const;
    return new Promise((resolve, reject) => {
      const asked = request(to, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve([response.statusCode ?? 0, text]));
      });
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} did not answer`)));
      asked.on('error', reject);
      asked.end(body);
    });
  }

  /** Ends the node. Resolves with its exit code. */
  async close(): Promise<number | null> {
    this.vigia.process.kill('SIGTERM');
    const code = await this.vigia.ended();
    await this.#camera.close();
    this.box.remove();
    return code;
  }
}

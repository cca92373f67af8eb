import { spawnSync } from 'node:child_process';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { join } from 'node:path';
import { createClient } from '@vigia/client';
import type { Role } from '@vigia/contracts/api';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { freePort } from './programs.ts';
import { Sandbox, Vigia } from './vigia.ts';

/** An answer, as a program reads it. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A user of the test: what they may do and see, and a token of theirs. */
export interface Holder {
  readonly role: Role;
  readonly cameras: 'all' | readonly string[];
  readonly token: string;
}

export const PASSWORD = 'correct horse battery';

/**
 * A node with users and two cameras, `hall` and `yard`, which nobody answers for, on a port that is open to other
 * machines and speaks TLS.
 */
export class AccessNode {
  readonly box = new Sandbox();
  readonly port: number;
  readonly vigia: Vigia;
  /** Over the control socket. */
  readonly local: ReturnType<typeof createClient>;

  private constructor(port: number) {
    this.port = port;
    this.certify();
    this.box.file('vigia.yml', this.document);
    const added = this.command(
      ['users', 'add', 'anna', '--role', 'admin', '-c', join(this.box.dir, 'vigia.yml')],
      PASSWORD,
    );
    if (added.status !== 0) throw new Error(added.stderr);
    this.vigia = new Vigia(['run', '-c', join(this.box.dir, 'vigia.yml'), '--json'], this.box.env);
    this.local = createClient({ send: socketSender(join(this.box.runDir, 'control.sock')) });
  }

  static async start(): Promise<AccessNode> {
    const node = new AccessNode(await freePort());
    await node.vigia.until('the node has started', () => node.vigia.lines.some(({ type }) => type === 'camera_state'));
    return node;
  }

  /** Writes a new certificate. */
  certify(): void {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(this.box.dir, name)) as [string, string];
    const how = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=vigia',
    ];
    const made = spawnSync('openssl', ['req', '-x509', ...how, '-keyout', key, '-out', cert]);
    if (made.status !== 0) throw new Error(String(made.stderr));
  }

  get document(): string {
    const { dir, node } = this.box;
    return `version: 1
node: ${node}
http: { listen: "0.0.0.0:${this.port}", tls: { cert: ${dir}/cert.pem, key: ${dir}/key.pem } }
workers:
  idle: { command: [/bin/true], input: { format: GRAY8, width: 64, height: 36 } }
cameras:
  hall: { source: "rtsp://127.0.0.1:1/hall" }
  yard: { source: "rtsp://127.0.0.1:1/yard" }
`;
  }

  /** Runs a command of vigia beside the node. @param input Its stdin. */
  command(
    words: readonly string[],
    input = '',
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const main = join(import.meta.dirname, '../../bin/vigia.mjs');
    return spawnSync(process.execPath, [main, ...words], {
      env: { ...process.env, ...this.box.env },
      input: `${input}\n`,
      encoding: 'utf8',
    });
  }

  /** Adds a user with a token. */
  async holder(name: string, role: Role, cameras: Holder['cameras']): Promise<Holder> {
    await this.local.addUser({
      body: { name, role, cameras: cameras === 'all' ? 'all' : [...cameras], password: PASSWORD },
    });
    const { token } = await this.local.addToken({ body: { user: name, name: 'test' } });
    return { role, cameras, token };
  }

  /** Sends a request over TLS, with headers that `fetch` would not send. */
  raw(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<RawAnswer> {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const to = {
      host: '127.0.0.1',
      port: this.port,
      method,
      path,
      headers: { ...length, ...headers },
      agent: false,
      timeout: 30_000,
      rejectUnauthorized: false,
    } as const;
    return new Promise((resolve, reject) => {
      const asked = https(to, (response) => {
        let text = '';
        // A stream does not end by itself.
        if (response.headers['content-type'] === 'text/event-stream') response.destroy();
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        const done = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        response
          .on('end', done)
          .on('close', done)
          .on('error', () => undefined);
      });
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} did not answer`)));
      asked.on('error', reject);
      asked.end(body);
    });
  }

  /** What the port answers without TLS: its status; undefined when there is no answer. */
  statusWithoutTls(): Promise<number | undefined> {
    return new Promise((resolve) => {
      const to = { host: '127.0.0.1', port: this.port, path: '/healthz', timeout: 5_000 };
      const asked = http(to, (answer) => resolve(answer.statusCode));
      asked.on('error', () => resolve(undefined)).on('timeout', () => asked.destroy());
      asked.end();
    });
  }

  /** Ends the node. Resolves with its exit code. */
  async close(): Promise<number | null> {
    this.vigia.process.kill('SIGTERM');
    const code = await this.vigia.ended();
    this.box.remove();
    return code;
  }
}

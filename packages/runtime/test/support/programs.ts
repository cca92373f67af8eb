import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A program that a test started. */
export interface Program {
  readonly process: ChildProcess;
  /** Everything it printed. */
  output(): string;
  /** Waits for a line; the watchdog only ends a test that hangs. */
  line(pattern: RegExp, watchdogMs?: number): Promise<RegExpExecArray>;
  stop(): Promise<void>;
}

/** Starts a program whose output is watched. @param stdin `pipe`: its `process.stdin` can be written to. */
export function startProgram(command: string, args: readonly string[], stdin: 'ignore' | 'pipe' = 'ignore'): Program {
  const child = spawn(command, args, { stdio: [stdin, 'pipe', 'pipe'] });
  let text = '';
  const waiters = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of waiters) waiter();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
  }
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  void exited.then(wake);
  return {
    process: child,
    output: () => text,
    line: (pattern, watchdogMs = 20_000) =>
      new Promise((resolve, reject) => {
        const done = (error?: Error): void => {
          clearTimeout(timer);
          waiters.delete(look);
          if (error) reject(error);
        };
        const look = (): void => {
          const found = pattern.exec(text);
          if (found) {
            done();
            resolve(found);
          } else if (child.exitCode !== null) done(new Error(`${command} ended before ${pattern}: ${text}`));
        };
        const timer = setTimeout(
          () => done(new Error(`watchdog: ${command} never printed ${pattern}: ${text}`)),
          watchdogMs,
        );
        waiters.add(look);
        look();
      }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A port that was free a moment ago, for programs that cannot choose one themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** gst-rtsp-server playing a clip (or Motion JPEG); resolves with its address. */
export async function startGstCamera(
  clip: string,
  codec: 'h264' | 'jpeg' = 'h264',
): Promise<Program & { readonly url: string }> {
  const script = fileURLToPath(new URL('./gst-camera.py', import.meta.url));
  // Debian's own Python: another one on the PATH has no `gi`.
  const program = startProgram('/usr/bin/python3', [script, clip, '0', codec]);
  const [, port] = await program.line(/ready (\d+)/);
  return { ...program, url: `rtsp://127.0.0.1:${port}/stream` };
}

/** A real mosquitto on a port of its own. @param config A file that names the port itself. */
export async function startMosquitto(wanted?: number, config?: string): Promise<Program & { readonly port: number }> {
  const port = wanted ?? (await freePort());
  const args = config === undefined ? ['-p', String(port)] : ['-c', config];
  const program = startProgram('/usr/sbin/mosquitto', ['-v', ...args]);
  await program.line(/mosquitto version .* running/);
  return { ...program, port };
}

/** A real mosquitto, and a subscriber of everything that a node says; what it prints are lines of topic and message. */
export async function startListenedBroker(): Promise<{
  readonly broker: Program & { readonly port: number };
  readonly subscriber: Program;
}> {
  const broker = await startMosquitto();
  const args = ['-V', '5', '-p', String(broker.port), '-t', 'vigia/#', '-v'];
  const subscriber = startProgram('/usr/bin/mosquitto_sub', args);
  await broker.line(/Sending SUBACK/);
  return { broker, subscriber };
}

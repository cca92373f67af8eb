import { join } from 'node:path';
import { type Client, credentials, makeGenericClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js';
import type { BenchRun } from '../support/bench-run.ts';

/** About the length of a request and an answer of protocol 1. */
const REQUEST = Buffer.alloc(285, 'x');
const ANSWER = Buffer.alloc(230, 'y');
const same = (bytes: Buffer): Buffer => bytes;
const SERVICE = {
  infer: {
    path: '/bench.Model/Infer',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as const;

interface EchoClient extends Client {
  infer(bytes: Buffer, done: (error: Error | null) => void): void;
}

/**
 * A gRPC server and client on a Unix socket that exchange bytes. In one process with one loop for both ends, which
 * favours it: no other process has to be woken.
 */
export async function grpcEcho(run: BenchRun, dir: string): Promise<() => Promise<void>> {
  const address = `unix:${join(dir, 'grpc.sock')}`;
  const server = new Server();
  server.addService(SERVICE, {
    infer: (_call: unknown, done: (error: null, answer: Buffer) => void) => done(null, ANSWER),
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  run.scope.defer(() => server.forceShutdown());
  const Echo = makeGenericClientConstructor(SERVICE, 'Model');
  // Its methods come from the table above: the library cannot type them.
  const client = new Echo(address, credentials.createInsecure()) as unknown as EchoClient;
  run.scope.defer(() => client.close());
  return () => new Promise((resolve, reject) => client.infer(REQUEST, (error) => (error ? reject(error) : resolve())));
}

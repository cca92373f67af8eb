import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { probe } from './golden.ts';
import type { WorkerCommand, WorkerReport, WorkerSettings } from '#inference';
import { readManifest } from '#manifest';
import { ModelSession } from './session.ts';

// Entry of the inference thread. onnxruntime-node blocks the thread it is called on, and sockets, grants and health
// must go on meanwhile, so the model lives here and the pictures come through shared memory.

const port = parentPort;
if (!port) throw new VigiaError('internal', 'the inference worker must run in a worker thread');
const report = (message: WorkerReport): void => port.postMessage(message);

/** Loads the model and proves it. */
async function start(settings: WorkerSettings): Promise<ModelSession> {
  const manifest = await readManifest(settings.dir);
  const session = await ModelSession.open({ dir: settings.dir, manifest, threads: settings.threads });
  report({ type: 'ready', probe: await probe(session, settings.dir, manifest) });
  return session;
}

/** One inference on what lies in the shared picture. The copy (tens of µs) is there because the runtime takes no shared buffer. */
async function run(session: ModelSession, shared: Uint8Array): Promise<void> {
  session.input.set(shared);
  try {
    report({ type: 'result', result: await session.run() });
  } catch (error) {
    report({ type: 'error', message: messageOf(error) });
  }
}

try {
  const settings = workerData as WorkerSettings;
  const session = await start(settings);
  const shared = new Uint8Array(settings.pixels);
  port.on('message', (command: WorkerCommand) => {
    if (command === 'run') void run(session, shared);
    else void session.close().finally(() => port.close());
  });
} catch (error) {
  report({ type: 'failed', code: codeOf(error) ?? 'model_load', message: messageOf(error) });
}

import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { FrameSegmentReader } from '@vigia/frame-supplier';
import { ConnectionFrames, FrameRoots, PlainFiles } from '#frames';
import { openModel } from '#model';
import { containerErrorCode } from './container-error-code.ts';
import { FrameRuns } from './frame-runs.ts';
import { probe } from './golden.ts';
import type { FrameJob, WorkerCommand, WorkerReport, WorkerSettings } from './runner.ts';

// Entry of the inference thread. A model blocks the thread that calls it, and sockets, grants and health must go on
// meanwhile. So the model lives here, with the frames: they are read directly from shared memory.

const port = parentPort;
if (!port) throw new VigiaError('internal', 'the inference worker must run in a worker thread');
const report = (message: WorkerReport): void => port.postMessage(message);

try {
  const { model: settings, allowDirs } = workerData as WorkerSettings;
  const roots = new FrameRoots(allowDirs);
  const opened = await openModel(settings);
  const { model } = opened;
  const probed = await probe(opened, settings);
  const plainFiles = new PlainFiles(roots);
  const openSegment = (path: string): FrameSegmentReader => FrameSegmentReader.open(path);
  const runs = new FrameRuns(model, () => new ConnectionFrames({ roots, openSegment, plainFiles }));
  // Sequential: a run yields to the event loop before it computes, and by then the next message has arrived.
  let last: Promise<void> = Promise.resolve();
  const run = async (jobs: readonly FrameJob[]): Promise<void> => {
    try {
      report({ type: 'result', result: await runs.run(jobs) });
    } catch (error) {
      report({ type: 'error', code: containerErrorCode(error), message: messageOf(error) });
    }
  };
  port.on('message', (command: WorkerCommand) => {
    if (command.type === 'run') last = last.then(() => run(command.jobs));
    // In order: a pending run of that connection would reopen what is closed here.
    else if (command.type === 'forget') last = last.then(() => runs.forget(command.connection));
    else {
      runs.close();
      void model.close().finally(() => port.close());
    }
  });
  report({ type: 'ready', facts: model.facts, probe: probed });
} catch (error) {
  report({ type: 'failed', code: codeOf(error) ?? 'model_load', message: messageOf(error) });
}

import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { FrameSegmentReader } from '@vigia/frame-supplier';
import { ConnectionFrames, FrameRoots, PlainFiles } from '#frames';
import { openModel } from '#model';
import { FrameRuns } from './frame-runs.ts';
import { probe } from './golden.ts';
import type { WorkerCommand, WorkerReport, WorkerSettings } from './runner.ts';

// Entry of the inference thread. A model computes where it is called, and sockets, grants and health must go on
// meanwhile, so the model lives here, and with it the frames: they are read straight out of shared memory.

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
  // Whatever the main thread says next is about a run that is not going on: it asks for one at a time.
  port.on('message', (command: WorkerCommand) => {
    if (command.type === 'run') {
      runs.run(command.jobs).then(
        (result) => report({ type: 'result', result }),
        (error: unknown) => report({ type: 'error', message: messageOf(error) }),
      );
    } else if (command.type === 'forget') runs.forget(command.connection);
    else {
      runs.close();
      void model.close().finally(() => port.close());
    }
  });
  report({ type: 'ready', facts: model.facts, probe: probed });
} catch (error) {
  report({ type: 'failed', code: codeOf(error) ?? 'model_load', message: messageOf(error) });
}

import { dirname, join } from 'node:path';
import type { Detection } from '@vigia/contracts';
import { containerEntry, ModelStore } from '@vigia/model-container';
import { FakeContainer } from '@vigia/testkit';
import { writeBrightNetwork } from './bright-network.ts';
import { PYTHON, ROOT, startProgram } from './process-container.ts';
import type { ContainerSubject, StartOptions } from './subject.ts';

const OURS = { bright: true, strict: true, canFail: true, limits: true } as const;
const PYTHONPATH = join(ROOT, 'sdk/python');

const allowed = ({ allowDirs }: StartOptions): string[] => allowDirs.flatMap((dir) => ['--allow-dir', dir]);

/** Our container, with a bright model controlled by the environment. */
const ours = (name: string, source: (options: StartOptions) => readonly string[]): ContainerSubject => ({
  name,
  can: OURS,
  start: (options) =>
    startProgram({
      command: process.execPath,
      args: [containerEntry, ...source(options), ...allowed(options)],
      env: {
        VIGIA_BRIGHT_DELAY_MS: String(options.delayMs),
        VIGIA_BRIGHT_FAILS: options.failsOnBlack ? '1' : '0',
      },
      modelId: 'bright',
      socketPath: options.socketPath,
    }),
});

/** Our container, with a model in a JavaScript file. */
export const moduleContainer: ContainerSubject = ours('ours, with a model module', () => [
  '--module',
  join(import.meta.dirname, 'bright.mjs'),
]);

/** Our container, with a network that takes two frames per run. */
export const batchContainer: ContainerSubject = ours('ours, with a network of two at a time', ({ socketPath }) => [
  '--model',
  writeBrightNetwork(join(dirname(socketPath), 'bright')),
]);

/** The container of the Python SDK. */
export const pythonContainer: ContainerSubject = {
  name: 'of the Python SDK',
  can: OURS,
  start: (options) => {
    const program = ['-m', 'vigia.container.bright', '--delay-ms', String(options.delayMs)];
    const fails = options.failsOnBlack ? ['--fail-on-black'] : [];
    return startProgram({
      command: PYTHON,
      args: [...program, ...fails, ...allowed(options)],
      env: { PYTHONPATH },
      modelId: 'bright',
      socketPath: options.socketPath,
    });
  },
};

/** The page's example: a container written from the protocol page alone. */
export const minimalContainer: ContainerSubject = {
  name: 'the example of the protocol page',
  can: { bright: true, strict: false, canFail: false, limits: false },
  start: (options) => {
    const file = join(ROOT, 'docs/protocol/examples/minimal_container.py');
    const args = [file, '--delay-ms', String(options.delayMs), ...allowed(options)];
    return startProgram({ command: PYTHON, args, modelId: 'bright', socketPath: options.socketPath });
  },
};

/** The fake of the testkit, in this process. */
export const fakeContainer: ContainerSubject = {
  name: 'the fake of the testkit',
  can: { bright: true, strict: true, canFail: true, limits: false },
  start: async ({ socketPath, delayMs, allowDirs, failsOnBlack }) => {
    const fake = await FakeContainer.start({
      socketPath,
      delayMs,
      allowDirs,
      ...(failsOnBlack ? { infer: onlyInLight } : {}),
    });
    return { socketPath, modelId: fake.modelId, stop: () => fake.close() };
  },
};

function onlyInLight(detections: readonly Detection[]): readonly Detection[] {
  if (detections[0]?.confidence === 0) throw new Error('it is too dark to see anything');
  return detections;
}

/** Our container with the default model. */
export const onnxContainer: ContainerSubject = {
  name: 'ours, with the default model',
  can: { bright: false, strict: true, canFail: false, limits: true },
  start: async (options) => {
    const { dir } = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
    const args = [containerEntry, '--model', dir, ...allowed(options)];
    return startProgram({ command: process.execPath, args, modelId: 'ssd', socketPath: options.socketPath });
  },
};

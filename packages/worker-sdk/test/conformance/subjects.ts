import { fileURLToPath } from 'node:url';
import type { WorkerTransport } from '@vigia/contracts';
import type { ProgramSubject, ThreadSubject } from './subject.ts';

/** Debian's: the default interpreter of workers. */
const PYTHON = '/usr/bin/python3';
const AGENT = fileURLToPath(new URL('../agents/bright.mjs', import.meta.url));
const PYTHON_AGENT = fileURLToPath(new URL('../agents/bright.py', import.meta.url));
const PYTHONPATH = fileURLToPath(new URL('../../../../sdk/python', import.meta.url));
const PERL_EXAMPLE = fileURLToPath(new URL('../../../../examples/workers/bright.pl', import.meta.url));

const EVERYTHING = { print: true, tell: true } as const;

/** A worker on the TypeScript SDK, in a process. */
export const typescriptWorker = (transport: WorkerTransport): ProgramSubject => ({
  name: `on the TypeScript SDK, ${transport}`,
  ready: 'bright',
  can: EVERYTHING,
  transport,
  command: process.execPath,
  args: [AGENT],
  env: {},
});

/** The same file in a thread. */
export const threadWorker: ThreadSubject = {
  name: 'on the TypeScript SDK, in a thread',
  ready: 'bright',
  can: EVERYTHING,
  transport: 'thread',
  module: AGENT,
};

/** A worker on the Python SDK. */
export const pythonWorker = (transport: WorkerTransport): ProgramSubject => ({
  name: `on the Python SDK, ${transport}`,
  ready: 'bright',
  can: EVERYTHING,
  transport,
  command: PYTHON,
  args: [PYTHON_AGENT],
  env: { PYTHONPATH },
});

/** The example without an SDK, written from the protocol's page alone. */
export const plainWorker = (transport: WorkerTransport): ProgramSubject => ({
  name: `the example without an SDK, ${transport}`,
  ready: 'bright.pl',
  can: { print: false, tell: false },
  transport,
  command: 'perl',
  args: [PERL_EXAMPLE],
  env: {},
});

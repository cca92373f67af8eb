import { afterAll, afterEach, describe } from 'vitest';
import { answerTests } from './answers.ts';
import { endingTests } from './endings.ts';
import { messageTests } from './messages.ts';
import { Rig } from './rig.ts';
import { sharedMemoryTests } from './shared-memory.ts';
import type { WorkerSubject } from './subject.ts';

/** Long enough for any scheduler; nothing waits for it unless something is broken. */
const PATIENCE_MS = 15_000;

/**
 * What a worker of protocol 1 owes its host (docs/protocol/worker.md). The same tests for all of them: a worker is what
 * passes. Only what `Capabilities` names is optional.
 *
 * In the end every worker is told to stop: it must end by itself, and have said nothing but what it was asked, before,
 * between and after its answers.
 */
export function conformance(subject: WorkerSubject): void {
  describe(`a worker: ${subject.name}`, { timeout: PATIENCE_MS }, () => {
    const rig = new Rig(subject);
    afterEach(({ task }) => (task.result?.state === 'fail' ? rig.kill() : rig.leave()), PATIENCE_MS);
    afterAll(() => rig.close(), PATIENCE_MS);

    describe('answers', () => {
      answerTests(rig);
    });
    describe('endings', () => {
      endingTests(rig);
    });
    if (subject.transport === 'thread') return;
    describe('messages', () => {
      messageTests(rig);
    });
    if (subject.transport === 'stdin') return;
    describe('shared memory', () => {
      sharedMemoryTests(rig);
    });
  });
}

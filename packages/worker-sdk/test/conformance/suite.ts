import { afterAll, afterEach, describe } from 'vitest';
import { answerTests } from './answers.ts';
import { endingTests } from './endings.ts';
import { messageTests } from './messages.ts';
import { Rig } from './rig.ts';
import { sharedMemoryTests } from './shared-memory.ts';
import type { WorkerSubject } from './subject.ts';

/** Long enough for any scheduler; only a defect waits that long. */
const PATIENCE_MS = 15_000;

/**
 * What protocol 1 requires of a worker (docs/protocol/worker.md). The same tests for all kinds; only `Capabilities` are
 * optional.
 *
 * At the end every worker is stopped: it must exit by itself, and must have sent nothing but answers to requests.
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

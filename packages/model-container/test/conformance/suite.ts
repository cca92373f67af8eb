import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { errorTests } from './errors.ts';
import { framingTests } from './framing.ts';
import { lifeTests } from './life.ts';
import { operationTests } from './operations.ts';
import { pictureTests } from './picture-tests.ts';
import { referenceTests } from './references.ts';
import { Rig } from './rig.ts';
import { slotTests } from './slots.ts';
import type { ContainerSubject } from './subject.ts';
import { turnTests } from './turns.ts';

/** Long enough for any scheduler; nothing waits for it unless something is broken. */
const PATIENCE_MS = 15_000;

/**
 * What a container of protocol 1 promises (docs/protocol/model-container.md). The same tests for all of them: a container
 * is what passes. Only what `Capabilities` names is optional; formats and batches are read from `describe`.
 *
 * After each test every connection that is left is looked at: nobody may have been answered twice, or unasked.
 */
export function conformance(subject: ContainerSubject): void {
  describe(`a model container: ${subject.name}`, { timeout: PATIENCE_MS }, () => {
    const rig = new Rig(subject);
    beforeAll(() => rig.open());
    afterEach(() => rig.leave());
    afterAll(() => rig.close());

    describe('framing', () => {
      framingTests(rig);
    });
    describe('operations', () => {
      operationTests(rig);
    });
    describe('errors', () => {
      errorTests(rig);
    });
    describe('references', () => {
      referenceTests(rig);
    });
    describe('slots', () => {
      slotTests(rig);
    });
    describe('pictures', () => {
      pictureTests(rig);
    });
    describe('turns', () => {
      turnTests(rig);
    });
    describe('life', () => {
      lifeTests(rig);
    });
  });
}

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

/** Long enough for any scheduler; only a defect waits that long. */
const PATIENCE_MS = 15_000;

/**
 * The promises of a container of protocol 1 (docs/protocol/model-container.md), by the same tests for all of them. Only
 * `Capabilities` are optional; formats and batch size come from `describe`.
 *
 * After each test every open connection is checked for duplicate or unexpected answers.
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

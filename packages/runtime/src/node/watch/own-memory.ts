import { type HealthProblem, WHOLE_NODE } from '@vigia/contracts';
import { anonymousBytesOf } from '#core/memory';
import { formatBytes } from '#core/terminal';
import { type Plan, supervisorMemoryLimit } from '#node/plan';

/** Looks in a row above the limit before it is a problem: garbage waits for its collection. */
const LOOKS = 3;

/** Watches the supervisor's own memory. Nothing in a node can end the supervisor, so that it is a problem of its health. */
export class OwnMemory {
  readonly #bytes: () => number;
  #above = 0;
  #problem: HealthProblem | undefined;

  /** @param bytes The anonymous memory of this process. */
  constructor(bytes: () => number = () => anonymousBytesOf([process.pid])) {
    this.#bytes = bytes;
  }

  /** As of the last look; undefined: it is within its plan. */
  get problem(): HealthProblem | undefined {
    return this.#problem;
  }

  /** Call it about once a second. */
  look(plan: Plan): void {
    const [bytes, limit] = [this.#bytes(), supervisorMemoryLimit(plan)];
    this.#above = bytes > limit ? this.#above + 1 : 0;
    const message = `the supervisor uses ${formatBytes(bytes)} of memory, ${formatBytes(limit)} are allowed`;
    this.#problem = this.#above < LOOKS ? undefined : { code: 'memory', camera: WHOLE_NODE, message };
  }
}

import { type Clock, VigiaError } from '@vigia/base';
import type { Finding, NodeEventOf } from '@vigia/contracts';
import { Attempts } from '#core/access';
import { type ApiName, type ApiRoute, API, changes } from '@vigia/contracts/api';
import type { RecordChange } from './controlled-node.ts';
import { nameOf, type Visitor } from './visitors.ts';

/** Refusals of one user or address that are recorded in a row, and one more per `refillMs`, milliseconds: guessing must not fill the store. */
const REFUSED = { burst: 60, refillMs: 10_000 } as const;

/** Records who changed what, from where, and who was refused. */
export class Audit {
  readonly #record: RecordChange;
  readonly #refused: Attempts;

  constructor(record: RecordChange, clock: Clock) {
    this.#record = record;
    this.#refused = new Attempts({ clock, ...REFUSED });
  }

  /** @param camera That it concerns; null: none, or the node. @param found What an acknowledgement says besides. */
  done(visitor: Visitor, action: string, target: string | null, camera: string | null = null, found?: Finding): void {
    const more = found && Object.keys(found).length > 0 ? { found } : {};
    this.#record({ by: nameOf(visitor), action, target, outcome: 'done', reason: null, ...more }, camera);
  }

  /** Records that somebody who is known was refused a change. @throws what the check throws. */
  refusing(visitor: Visitor, name: ApiName, check: () => void): void {
    const route: ApiRoute = API[name];
    try {
      check();
    } catch (error) {
      if (changes(route) && visitor.identity && error instanceof VigiaError)
        this.refused(visitor, name, null, error.code);
      throw error;
    }
  }

  /** @param reason A code of an error. */
  refused(visitor: Visitor, action: string, target: string | null, reason: string): void {
    // Each for itself: one that is refused all the time must not hide another.
    if (this.#refused.take(visitor.identity?.user ?? ` ${visitor.from}`) > 0) return;
    this.#record({ by: nameOf(visitor), action, target, outcome: 'refused', reason }, null);
  }
}

/** The camera that a change concerns: that of its path, or of its answer. */
export function cameraIn(params: unknown, answer: unknown): string | null {
  for (const part of [params, answer]) {
    const { camera } = (typeof part === 'object' && part !== null ? part : {}) as { readonly camera?: unknown };
    if (typeof camera === 'string') return camera;
  }
  return null;
}

/** What a change is about: the words of its path, such as `hall/light`, or the user in its body. */
export function targetOf(params: unknown, body: unknown): NodeEventOf<'audit'>['data']['target'] {
  const words = Object.values((params ?? {}) as Readonly<Record<string, string>>);
  if (words.length > 0) return words.join('/');
  const { user, name } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const about = user ?? name;
  return typeof about === 'string' ? about : null;
}

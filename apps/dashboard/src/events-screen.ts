import { type Signal, signal } from '@preact/signals';
import type { NodeEvent } from '@vigia/contracts';
import { type Browser, refusalText } from './connection.ts';
import { type Episode, episodesOf } from './episodes.ts';

const REQUEST_MS = 5000;
/** Events that are asked for at first, and at most: what the node gives at once. */
const FIRST = 100;
const MOST = 1000;
/** Fewer episodes than this are not worth a screen: an alarm that lasts has an event each 10 s. */
const ENOUGH = 20;
/** New events are gathered for so long. */
const GATHER_MS = 1000;

/** What can be chosen, and the kinds of it. `all` has no list: everything that is kept. */
export const KINDS = {
  all: [],
  people: ['fall', 'bed', 'visit'],
  looking: ['consumer_blind', 'camera_state', 'worker'],
  technical: ['sla', 'shedding', 'model_state', 'worker_state', 'recording', 'storage', 'node'],
  changes: ['config', 'audit'],
} as const satisfies Record<string, readonly NodeEvent['kind'][]>;
/** See {@link KINDS}. */
export type Choice = keyof typeof KINDS;
export const CHOICES = Object.keys(KINDS) as Choice[];

/** What is asked for. */
export interface Wish {
  readonly choice: Choice;
  /** Empty: all cameras. */
  readonly camera: string;
}

interface Answer {
  readonly events: readonly NodeEvent[];
  readonly more: boolean;
}

/** The list of events, as signals: always one answer of the node, so that nothing in it is older than the rest. */
export class EventsScreen {
  /** Null before the first answer. */
  readonly episodes: Signal<readonly Episode[] | null> = signal(null);
  /** There are earlier ones; `limit`: the node gives no more at once. */
  readonly more: Signal<'no' | 'yes' | 'limit'> = signal('no');
  /** Why the list is not current; empty while it is. */
  readonly failed: Signal<string> = signal('');
  readonly wish: Signal<Wish> = signal({ choice: 'all', camera: '' });
  readonly #browser: Pick<Browser, 'after' | 'request'>;
  #limit = FIRST;
  /** Counts questions: an answer to an earlier one is not wanted any more. */
  #asked = 0;
  #cancel: (() => void) | undefined;

  constructor(browser: Pick<Browser, 'after' | 'request'>) {
    this.#browser = browser;
  }

  /** Begins to ask the node. @returns a function that ends it. */
  start(): () => void {
    void this.#ask();
    return () => {
      this.#asked += 1;
      this.#cancel?.();
    };
  }

  choose(wish: Partial<Wish>): void {
    this.wish.value = { ...this.wish.peek(), ...wish };
    this.#limit = FIRST;
    this.episodes.value = null;
    void this.#ask();
  }

  /** Earlier ones, too. */
  older(): void {
    this.#limit = Math.min(MOST, this.#limit * 3);
    void this.#ask();
  }

  /** Something happened, or the connection is back: the list is asked for again, soon. */
  stale(): void {
    if (this.#cancel) return;
    this.#cancel = this.#browser.after(GATHER_MS, () => {
      this.#cancel = undefined;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    for (;;) {
      const reply = await this.#browser.request('GET', this.#path(), { timeoutMs: REQUEST_MS }).catch(() => undefined);
      if (number !== this.#asked) return;
      if (reply?.status !== 200) {
        this.failed.value = refusalText(reply);
        return;
      }
      const { events, more } = reply.body as Answer;
      const episodes = episodesOf(events);
      const isLimit = this.#limit >= MOST;
      if (more && !isLimit && episodes.length < ENOUGH) {
        this.#limit = Math.min(MOST, this.#limit * 3);
        continue;
      }
      this.failed.value = '';
      this.more.value = more ? (isLimit ? 'limit' : 'yes') : 'no';
      this.episodes.value = episodes;
      return;
    }
  }

  #path(): string {
    const { choice, camera } = this.wish.peek();
    const query = new URLSearchParams({ limit: String(this.#limit), severity: 'notice' });
    if (KINDS[choice].length > 0) query.set('kind', KINDS[choice].join(','));
    if (camera !== '') query.set('camera', camera);
    return `/api/v1/events?${query.toString()}`;
  }
}

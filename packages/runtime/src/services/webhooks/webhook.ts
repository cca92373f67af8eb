import { Backoff, type BackoffOptions, type Clock, type Log, sleep } from '@vigia/base';
import type { NodeEvent, Severity } from '@vigia/contracts';
import { SEVERITIES } from '@vigia/contracts';
import { HttpPoster, type PostAddress, type PostAnswer } from '#core/posting';

/** Which events a webhook gets. */
export interface WebhookFilter {
  /** This severity and above. */
  readonly severity: Severity;
  /** Undefined: all. */
  readonly kinds: readonly string[] | undefined;
  /** Undefined: all, and events of the node. */
  readonly cameras: readonly string[] | undefined;
}

/** Options of {@link Webhook}. */
export interface WebhookOptions extends PostAddress, WebhookFilter {
  readonly id: string;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The waits after failures. Default: 1 to 60 s. */
  readonly retry?: BackoffOptions;
  /** The other side refuses events for good. Called for the first one of a row. */
  readonly onRefused: (why: string) => void;
}

/** How long a request may take. Milliseconds. */
const REQUEST_MS = 10_000;
/** The waits after failures. Milliseconds. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 } as const;
/** Refusals that another time, another configuration or a login may end. All others of 400 to 499 concern the event. */
const PASSING = new Set([401, 402, 403, 404, 405, 407, 408, 409, 410, 421, 423, 425, 429, 451]);
/** An event that is refused for itself is tried so often: a server may answer so while it starts. */
const REFUSED_TRIES = 3;

/**
 * Posts events to an address, one after another: the next one goes when the previous one was taken. An event is sent
 * again until it is taken, so it may arrive twice; its id is in `Idempotency-Key`.
 */
export class Webhook {
  readonly #o: WebhookOptions;
  readonly #poster: HttpPoster;
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #complained = false;
  #refusing = false;

  constructor(options: WebhookOptions) {
    this.#o = options;
    this.#backoff = new Backoff(options.retry ?? RETRY);
    this.#poster = new HttpPoster(options, options.version, options.clock);
  }

  /**
   * Sends an event, after those before it. Resolves with true when the other side has taken it, or when it is none for
   * this webhook; with false after `close`.
   */
  deliver(event: NodeEvent): Promise<boolean> {
    if (!isWanted(event, this.#o)) return this.#inTurn(async () => !this.#abort.signal.aborted);
    const body = JSON.stringify(event);
    return this.#inTurn(() => this.#send(event.id, body));
  }

  /** Gives up what is being sent. Idempotent. */
  close(): void {
    this.#abort.abort();
  }

  #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    const done = this.#turn.then(work);
    this.#turn = done;
    return done;
  }

  async #send(id: string, body: string): Promise<boolean> {
    const { signal } = this.#abort;
    for (let tries = 1; !signal.aborted; tries += 1) {
      const answer = await this.#poster.post(body, REQUEST_MS, signal, { 'idempotency-key': id });
      if (signal.aborted) break;
      if (answer.kind === 'answered' && isSuccess(answer.status)) {
        this.#taken();
        return true;
      }
      if (answer.kind === 'answered' && concernsEvent(answer.status) && tries >= REFUSED_TRIES) {
        this.#refused(id, answer.status);
        return true;
      }
      await this.#wait(answer);
    }
    return false;
  }

  #taken(): void {
    if (this.#complained) this.#o.log.info(`webhook ${this.#o.id}: ${this.#poster.place} takes events again`);
    this.#backoff.reset();
    this.#complained = false;
    this.#refusing = false;
  }

  #refused(id: string, status: number): void {
    this.#backoff.reset();
    const why = `webhook ${this.#o.id}: ${this.#poster.place} refused event ${id} (HTTP ${status}): it is left out`;
    this.#o.log.error(why);
    // The event that reports it goes the same way, and may be refused as well.
    if (!this.#refusing) this.#o.onRefused(why);
    this.#refusing = true;
  }

  /** One sentence for each time of trouble. */
  async #wait(answer: PostAnswer): Promise<void> {
    const why = answer.kind === 'answered' ? `HTTP ${answer.status}` : answer.why;
    if (!this.#complained)
      this.#o.log.warn(`webhook ${this.#o.id}: ${this.#poster.place} takes no events (${why}); they wait`);
    this.#complained = true;
    const wantedMs = answer.kind === 'answered' ? answer.retryAfterS * 1_000 : 0;
    const ms = Math.max(this.#backoff.next(), wantedMs);
    // Aborted: the end.
    await sleep(this.#o.clock, ms, this.#abort.signal).catch(() => undefined);
  }
}

function isWanted({ severity, kind, camera }: NodeEvent, wanted: WebhookFilter): boolean {
  return (
    SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(wanted.severity) &&
    (wanted.kinds?.includes(kind) ?? true) &&
    (wanted.cameras === undefined || (camera !== null && wanted.cameras.includes(camera)))
  );
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function concernsEvent(status: number): boolean {
  return status >= 400 && status <= 499 && !PASSING.has(status);
}

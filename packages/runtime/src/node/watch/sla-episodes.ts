import type { Clock } from '@vigia/base';
import type { EventMessage } from '@vigia/contracts';

/** How long an SLA must be kept until its episode is over. Milliseconds. */
const KEPT_MS = 10 * 60_000;
const MINUTE_MS = 60_000;

/** Options of {@link SlaEpisodes}. */
export interface SlaEpisodesOptions {
  readonly clock: Clock;
  readonly announce: (event: EventMessage) => void;
  /** Whether a consumer is configured, and switched on. */
  readonly runs: (camera: string, consumer: string) => boolean;
}

interface Episode {
  readonly of: EventMessage;
  readonly beganMs: number;
  breaches: number;
  /** Since when the SLA is kept; undefined while it is breached. */
  keptMs: number | undefined;
}

/**
 * Makes one episode of the breaches of a consumer that follow one another within ten minutes: on a busy machine a critical
 * consumer misses a picture every other minute, and each of its breaches lasts about one.
 */
export class SlaEpisodes {
  readonly #o: SlaEpisodesOptions;
  readonly #episodes = new Map<string, Episode>();

  constructor(options: SlaEpisodesOptions) {
    this.#o = options;
  }

  /** A consumer's SLA was breached, or is kept again. Announces the first breach of an episode. */
  crossed(event: EventMessage): void {
    const key = `${event.camera}/${event.consumer}`;
    const episode = this.#episodes.get(key);
    const nowMs = this.#o.clock.nowMs();
    if (event.type === 'sla_breached' && episode) {
      episode.breaches += 1;
      episode.keptMs = undefined;
    } else if (event.type === 'sla_breached') {
      this.#episodes.set(key, { of: event, beganMs: nowMs, breaches: 1, keptMs: undefined });
      this.#o.announce(event);
    } else if (episode) episode.keptMs ??= nowMs;
  }

  /** A camera's process ended. Its successor judges from its own beginning. */
  cameraGone(camera: string): void {
    for (const episode of this.#episodes.values())
      if (episode.of.camera === camera) episode.keptMs ??= this.#o.clock.nowMs();
  }

  /** Announces the ends of episodes. Call it about once a second. */
  look(): void {
    for (const [key, { of, beganMs, breaches, keptMs }] of this.#episodes) {
      const gone = !this.#o.runs(of.camera, of.consumer);
      if (!gone && (keptMs === undefined || this.#o.clock.nowMs() - keptMs < KEPT_MS)) continue;
      this.#episodes.delete(key);
      const { clock, announce } = this.#o;
      const times = breaches === 1 ? 'once' : `${breaches} times`;
      const within = spanText((keptMs ?? clock.nowMs()) - beganMs);
      const message = gone
        ? `${of.consumer} was switched off, or left the configuration`
        : `the SLA has been kept for ${KEPT_MS / MINUTE_MS} min, after it was breached ${times} in ${within}`;
      announce({ ...of, type: 'sla_recovered', reason: null, message, at: new Date(clock.wallMs()).toISOString() });
    }
  }
}

function spanText(ms: number): string {
  return ms < 2 * MINUTE_MS ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / MINUTE_MS)} min`;
}

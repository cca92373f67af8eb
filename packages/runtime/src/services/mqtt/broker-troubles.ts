import { Backoff, type Clock, type Log, quoted } from '@vigia/base';
import type { Refusal } from './refusal.ts';

/** Options of {@link BrokerTroubles}. */
export interface BrokerTroublesOptions {
  /** Host and port of the broker, printable. */
  readonly host: string;
  readonly clock: Clock;
  readonly log: Log;
}

const RECONNECT_MS = 2_000;
/** Longest waits after refusals, by whether time may cure them. Milliseconds. */
const REFUSED_MS = 30_000;
const MISCONFIGURED_MS = 60_000;
/** Longest wait after connections that ended at once: events wait as long. Milliseconds. */
const SHORT_MS = 8_000;
/** Refusals, or connections that ended at once, in a row that are a problem, also when time may cure them. */
const PROBLEM_AFTER = 3;
/** A connection that lasts this long is one. Milliseconds. */
const STEADY_MS = 10_000;
/** A broker that is away for so long is more than a restart of it. Milliseconds. */
const AWAY_MS = 10_000;
/** At most one warning in this time. */
const QUIET_MS = 30_000;

/** What keeps a broker from taking messages: refused connections, connections that end at once, refused messages. */
export class BrokerTroubles {
  readonly #o: BrokerTroublesOptions;
  readonly #refusals = new Backoff({ firstMs: RECONNECT_MS, maxMs: MISCONFIGURED_MS });
  readonly #short = new Backoff({ firstMs: RECONNECT_MS, maxMs: SHORT_MS });
  /** Why the broker refused the last attempts; undefined after a connection. */
  #refusal: Refusal | undefined;
  /** Whether the present attempt was refused. */
  #refusedNow = false;
  #connectedMs: number | undefined;
  /** Since when there has been no connection; undefined: there is one. */
  #awaySinceMs: number | undefined;
  /** The last message that the broker did not accept; undefined: it accepted one since. */
  #refusedMessage: string | undefined;
  #lastWarningMs = Number.NEGATIVE_INFINITY;

  constructor(options: BrokerTroublesOptions) {
    this.#o = options;
    this.#awaySinceMs = options.clock.nowMs();
  }

  /** Why the broker takes nothing, for people; undefined while it does, and while it is only away. */
  get problem(): string | undefined {
    const host = `the MQTT broker ${this.#o.host}`;
    if (this.#refusal && (this.#refusal.lasting || this.#refusals.failures >= PROBLEM_AFTER)) return this.#refusalText;
    if (!this.#isSteady && this.#short.failures >= PROBLEM_AFTER)
      return `${host} ends each connection soon after it accepted it: its log says why`;
    return this.#refusedMessage === undefined ? undefined : `${host} ${this.#refusedMessage}`;
  }

  /** That no broker has been connected for 10 s, for people; undefined while one is. */
  get away(): string | undefined {
    const awayMs = this.#o.clock.nowMs() - (this.#awaySinceMs ?? Number.POSITIVE_INFINITY);
    if (!(awayMs >= AWAY_MS)) return undefined;
    return `the MQTT broker ${this.#o.host} has been away for ${Math.round(awayMs / 1000)} s`;
  }

  /** Whether the present attempt was refused for its version of the protocol. */
  get isVersionRefused(): boolean {
    return this.#refusedNow && this.#refusal?.version === true;
  }

  /** Another attempt begins. */
  attempt(): void {
    this.#refusedNow = false;
    this.#connectedMs = undefined;
    this.#awaySinceMs ??= this.#o.clock.nowMs();
  }

  connected(): void {
    this.#refusal = undefined;
    this.#refusals.reset();
    this.#connectedMs = this.#o.clock.nowMs();
    this.#awaySinceMs = undefined;
    if (this.#short.failures === 0) this.#lastWarningMs = Number.NEGATIVE_INFINITY;
  }

  /** @param quiet It is asked again in another way at once: nothing is wrong. */
  refused(refusal: Refusal, quiet: (refusal: Refusal) => boolean): void {
    this.#refusedNow = true;
    this.#refusal = refusal;
    if (!quiet(refusal)) this.warn(`${this.#refusalText}; trying again`);
  }

  /** The broker received a message and refuses it. @param why Its words. */
  messageRefused(topic: string, why: string): void {
    this.#refusedMessage = `refuses ${quoted(topic)} (${quoted(why)}): see the rights of this user`;
    this.warn(`the MQTT broker ${this.#refusedMessage}`);
  }

  messageAccepted(): void {
    this.#refusedMessage = undefined;
  }

  /** The connection or the attempt has ended. Returns the wait before the next one, milliseconds. */
  ended(): number {
    if (this.#refusedNow && this.#refusal)
      return Math.min(this.#refusals.next(), this.#refusal.lasting ? MISCONFIGURED_MS : REFUSED_MS);
    if (this.#connectedMs !== undefined && !this.#isSteady) return this.#short.next();
    // It lasted, or nobody was there.
    this.#short.reset();
    return RECONNECT_MS;
  }

  /** Logs a warning, unless there was one in the last half minute. */
  warn(text: string): void {
    const now = this.#o.clock.nowMs();
    if (now - this.#lastWarningMs < QUIET_MS) return;
    this.#lastWarningMs = now;
    this.#o.log.warn(text);
  }

  get #isSteady(): boolean {
    return this.#connectedMs !== undefined && this.#o.clock.nowMs() - this.#connectedMs >= STEADY_MS;
  }

  get #refusalText(): string {
    return `the MQTT broker ${this.#o.host} refuses the connection: ${this.#refusal?.text}`;
  }
}

import type { Clock } from '@vigia/base';
import { HttpPoster, type PostAddress } from '#core/posting';

/** What a collector did with a request. */
export type CollectorAnswer =
  | { readonly kind: 'accepted'; readonly rejectedSpans: number }
  | { readonly kind: 'failed'; readonly why: string };

/** A place that takes OTLP over HTTP. */
export class Collector {
  readonly #poster: HttpPoster;

  /** @param version The version of vigia. */
  constructor(address: PostAddress, version: string, clock: Clock) {
    this.#poster = new HttpPoster(address, version, clock);
  }

  /** Scheme, host and port, for the log. Paths may contain secrets. */
  get place(): string {
    return this.#poster.place;
  }

  /** Posts JSON. Resolves within `limitMs` milliseconds, earlier when the signal is aborted. Never rejects. */
  async send(body: string, limitMs: number, signal: AbortSignal): Promise<CollectorAnswer> {
    const answer = await this.#poster.post(body, limitMs, signal);
    if (answer.kind === 'failed') return answer;
    const { status, text } = answer;
    if (status < 200 || status > 299) return { kind: 'failed', why: `HTTP ${status}` };
    return { kind: 'accepted', rejectedSpans: rejectedSpansIn(text) };
  }
}

/** Spans that the collector did not want. OTLP writes the number as a string. */
function rejectedSpansIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } };
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return rejected > 0 ? rejected : 0;
  } catch {
    // Many collectors answer with an empty body.
    return 0;
  }
}

import { batch, type Signal, signal } from '@preact/signals';
import type { NodeEvent } from '@vigia/contracts';
import { type Browser, refusalText } from './connection.ts';
import { type Episode, episodesOf } from './episodes.ts';

const REQUEST_MS = 10_000;
/** What somebody asks to know of a time is not asked for while they move on. Milliseconds. */
const SETTLE_MS = 250;
/** Answers about pictures of so long before are what was known. Milliseconds. */
const KNEW_MS = 5_000;
const EVENTS = 1_000;
const HOUR_MS = 3_600_000;
/** Kinds of events that are drawn. */
const KINDS = 'fall,bed,visit,consumer_blind,camera_state';

/** How much is in sight. */
export const SPANS = { day: 24 * HOUR_MS, night: 10 * HOUR_MS, hour: HOUR_MS, minutes: 6 * 60_000 } as const;
/** See {@link SPANS}. */
export type SpanName = keyof typeof SPANS;
export const SPAN_NAMES = Object.keys(SPANS) as SpanName[];

/** Wall times, milliseconds since 1970. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was recorded of a camera, within the range in sight. */
export interface Lane {
  readonly camera: string;
  readonly spans: readonly (Range & { readonly event: boolean })[];
  readonly gaps: readonly (Range & { readonly reason: string })[];
  readonly events: readonly Episode[];
}

/** The newest answer of a consumer at a time. */
export interface Knew {
  readonly consumer: string;
  readonly status: string;
  /** How many people it saw; null: it says something else, or failed. */
  readonly people: number | null;
  readonly ageMs: number | null;
  /** From its picture to that time. */
  readonly agoMs: number;
}

interface Recorded {
  readonly cameras: Readonly<
    Record<
      string,
      {
        readonly spans: readonly { from_ms: number; to_ms: number; event: boolean }[];
        readonly gaps: readonly { from_ms: number; to_ms: number | null; reason: string }[];
      }
    >
  >;
}

/** A clip that is being chosen, and what the node says of it. */
export interface Clip extends Range {
  readonly facts: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly gaps: number;
    readonly bytes: number;
  } | null;
  /** Why there is no clip; empty: there is one, or it is being asked for. */
  readonly refused: string;
}

/** What the view needs of a browser. */
export interface TimelineBrowser extends Pick<Browser, 'after' | 'request'> {
  /** Lines of JSON; null without an answer. */
  lines(path: string): Promise<readonly string[] | null>;
}

/** What was recorded, when, and what was known at a time: as signals. */
export class TimelineScreen {
  /** Null before the first answer. */
  readonly lanes: Signal<readonly Lane[] | null> = signal(null);
  readonly failed: Signal<string> = signal('');
  readonly range: Signal<Range>;
  readonly span: Signal<SpanName> = signal('hour');
  readonly camera: Signal<string | null>;
  /** The time that is looked at. */
  readonly atMs: Signal<number>;
  /** Null: not asked yet, or not kept. */
  readonly knew: Signal<readonly Knew[] | null> = signal(null);
  readonly clip: Signal<Clip | null> = signal(null);
  /** Shows this time in the player; set by it. */
  seek: (ms: number) => void = () => {};
  readonly #browser: TimelineBrowser;
  #asked = 0;
  #askedKnew = 0;
  #askedClip = 0;
  #cancel = (): void => {};

  constructor(browser: TimelineBrowser, nowMs: number, camera: string | null, atMs: number | null) {
    this.#browser = browser;
    this.camera = signal(camera);
    this.atMs = signal(atMs ?? nowMs - 10_000);
    this.range = signal(rangeAround(SPANS.hour, atMs, nowMs));
  }

  /** Asks for what is in sight. Until it is there, what was in sight stays. */
  async load(nowMs: number): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    const { fromMs, toMs } = this.range.peek();
    const range = new URLSearchParams({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() });
    const query = `${range.toString()}&kind=${KINDS}&severity=notice&limit=${EVENTS}`;
    const options = { timeoutMs: REQUEST_MS };
    const [recorded, events] = await Promise.all([
      this.#browser.request('GET', `/api/v1/recordings?${range.toString()}`, options).catch(() => undefined),
      this.#browser.request('GET', `/api/v1/events?${query}`, options).catch(() => undefined),
    ]);
    if (number !== this.#asked) return;
    if (recorded?.status !== 200) {
      this.failed.value = refusalText(recorded);
      return;
    }
    const found = events?.status === 200 ? (events.body as { readonly events: readonly NodeEvent[] }).events : [];
    const lanes = lanesOf(recorded.body as Recorded, found, { fromMs, toMs }, nowMs);
    batch(() => {
      this.failed.value = '';
      this.lanes.value = lanes;
      const [first] = lanes;
      if (this.camera.peek() === null && first) this.camera.value = first.camera;
    });
  }

  /** How much is in sight, around the time that is looked at. */
  choose(span: SpanName, nowMs: number): void {
    this.span.value = span;
    this.range.value = rangeAround(SPANS[span], this.atMs.peek(), nowMs);
    void this.load(nowMs);
  }

  /** Back or forth by so many ranges. */
  shift(by: number, nowMs: number): void {
    const lengthMs = SPANS[this.span.peek()];
    const toMs = Math.min(nowMs, this.range.peek().toMs + by * lengthMs);
    this.range.value = { fromMs: toMs - lengthMs, toMs };
    void this.load(nowMs);
  }

  /** The time that is looked at now. What was known then is asked for once it stays. */
  look(atMs: number): void {
    this.atMs.value = atMs;
    this.#cancel();
    this.#cancel = this.#browser.after(SETTLE_MS, () => void this.#ask(atMs));
  }

  /** One end of a clip; the other one is kept where it is on the right side of it. */
  mark(end: 'from' | 'to', ms: number): void {
    const { fromMs, toMs } = this.clip.peek() ?? { fromMs: ms - 10_000, toMs: ms + 10_000 };
    const clip =
      end === 'from'
        ? { fromMs: ms, toMs: Math.max(toMs, ms + 1000) }
        : { fromMs: Math.min(fromMs, ms - 1000), toMs: ms };
    this.clip.value = { ...clip, facts: null, refused: '' };
    void this.#askClip();
  }

  /** Ends what waits. */
  close(): void {
    this.#asked += 1;
    this.#askedKnew += 1;
    this.#askedClip += 1;
    this.#cancel();
  }

  /** Where something of the chosen camera is served. */
  path(file: string, query: Readonly<Record<string, number>>, camera: string | null = this.camera.peek()): string {
    const times = Object.entries(query).map(([key, ms]): [string, string] => [key, String(Math.round(ms))]);
    return `/api/v1/recordings/${encodeURIComponent(camera ?? '')}/${file}?${new URLSearchParams(times).toString()}`;
  }

  async #ask(atMs: number): Promise<void> {
    this.#askedKnew += 1;
    const number = this.#askedKnew;
    const lines = await this.#browser.lines(this.path('results.jsonl', { from: atMs - KNEW_MS, to: atMs }));
    if (number === this.#askedKnew) this.knew.value = lines && knewOf(lines, atMs);
  }

  async #askClip(): Promise<void> {
    this.#askedClip += 1;
    const number = this.#askedClip;
    const clip = this.clip.peek();
    if (!clip) return;
    const path = this.path('clip.json', { from: clip.fromMs, to: clip.toMs });
    const reply = await this.#browser.request('GET', path, { timeoutMs: REQUEST_MS }).catch(() => undefined);
    if (number !== this.#askedClip) return;
    if (reply?.status !== 200) {
      this.clip.value = { ...clip, refused: refusalText(reply) };
      return;
    }
    const facts = reply.body as { from_ms: number; to_ms: number; gaps: readonly unknown[]; bytes: number };
    const { from_ms: fromMs, to_ms: toMs, gaps, bytes } = facts;
    this.clip.value = { ...clip, facts: { fromMs, toMs, gaps: gaps.length, bytes } };
  }
}

/** A range of this length with this time in it, which ends at the latest now. */
export function rangeAround(lengthMs: number, atMs: number | null, nowMs: number): Range {
  const toMs = Math.min(nowMs, (atMs ?? nowMs) + lengthMs / 2);
  return { fromMs: toMs - lengthMs, toMs };
}

/** What was recorded and what happened, by camera. A gap that lasts goes on until now. */
export function lanesOf({ cameras }: Recorded, events: readonly NodeEvent[], range: Range, nowMs: number): Lane[] {
  const episodes = episodesOf(events);
  const isSeen = ({ fromMs, toMs }: Range): boolean => toMs > range.fromMs && fromMs < range.toMs;
  return Object.entries(cameras).map(([camera, { spans, gaps }]) => ({
    camera,
    spans: spans.map(({ from_ms: fromMs, to_ms: toMs, event }) => ({ fromMs, toMs, event })).filter(isSeen),
    gaps: gaps
      .map(({ from_ms: fromMs, to_ms: toMs, reason }) => ({ fromMs, toMs: toMs ?? nowMs, reason }))
      .filter(isSeen),
    events: episodes.filter(({ oldest }) => oldest.camera === camera),
  }));
}

/** The newest answer of each consumer. Lines that are none are left out. */
export function knewOf(lines: readonly string[], atMs: number): Knew[] {
  const newest = new Map<string, Knew>();
  for (const line of lines) {
    const result = resultOf(line);
    if (!result) continue;
    const { consumer, status, captured_at: at, age_ms: ageMs = null, detections } = result;
    const agoMs = atMs - Date.parse(at);
    const before = newest.get(consumer);
    if (!(agoMs >= 0) || (before && before.agoMs <= agoMs)) continue;
    const people = detections ? detections.filter(({ class_name: name }) => name === 'person').length : null;
    newest.set(consumer, { consumer, status, people: status === 'ok' ? people : null, ageMs, agoMs });
  }
  return [...newest.values()].toSorted((a, b) => (a.consumer < b.consumer ? -1 : 1));
}

interface StoredResult {
  readonly consumer: string;
  readonly status: string;
  readonly captured_at: string;
  readonly age_ms?: number;
  readonly detections?: readonly { readonly class_name?: string }[];
}

function resultOf(line: string): StoredResult | null {
  try {
    const result = JSON.parse(line) as Partial<StoredResult> | null;
    const isWhole = typeof result?.consumer === 'string' && typeof result.captured_at === 'string';
    return isWhole ? ({ status: '', ...result } as StoredResult) : null;
  } catch {
    return null;
  }
}

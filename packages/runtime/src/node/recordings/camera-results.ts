import type { ResultMessage } from '@vigia/contracts';
import { hourOf, RESULT_LINE_LIMIT } from '#core/footage';
import { RESULTS_LIMIT, type ResultsNotice } from '#core/footage-link';

/** A result that is to be kept. */
interface Line {
  readonly atMs: number;
  readonly text: string;
  readonly bytes: number;
}

/** A time in which results are kept. Wall times, milliseconds since 1970. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Results without content are kept as often as this, per consumer and kind. Milliseconds. */
const THIN_MS = 1_000;
/** Results of the seconds before an event, bytes of JSON. Of more, the oldest are forgotten. */
const RING_LIMIT = RESULTS_LIMIT;
/** What waits for the next flush: the ring, and as much again. Bytes. */
const WAITING_LIMIT = 2 * RESULTS_LIMIT;
/** An event is known so long after it happened, and a result so long after its picture. Milliseconds. */
const LATE_MS = 5_000;
/** A mark is forgotten so long after its end: a picture whose result comes later is not kept. Milliseconds. */
const SPAN_MS = 60_000;
/** Marks that are remembered. Those that touch are one. */
const SPANS = 64;

/** What is kept of one camera's results: chooses, holds the seconds before an event, and what waits to be sent. Bounded. */
export class CameraResults {
  readonly #camera: string;
  /** When a result without content was kept, by consumer and kind. Monotonic milliseconds. */
  readonly #thinned = new Map<string, number>();
  #ring: Line[] = [];
  #ringBytes = 0;
  #waiting: Line[] = [];
  #waitingBytes = 0;
  #spans: Span[] = [];
  #lost = 0;

  constructor(camera: string) {
    this.#camera = camera;
  }

  /** Whether nothing waits. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Results that were dropped since the last call. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /** @param beforeMs Only what is marked is kept, and so much before it; undefined: everything. */
  add(result: ResultMessage, beforeMs: number | undefined, nowMs: number): void {
    const atMs = Date.parse(result.captured_at);
    if (Number.isNaN(atMs) || !this.#isWanted(result, nowMs)) return;
    const text = `${JSON.stringify(result)}\n`;
    const line: Line = { atMs, text, bytes: Buffer.byteLength(text) };
    if (beforeMs === undefined || this.#isMarked(atMs)) this.#keep(line);
    else this.#remember(line, beforeMs);
  }

  /** What was captured between two times is kept: what is still known of it, and what comes. */
  mark(fromMs: number, toMs: number): void {
    const touches = (span: Span): boolean => span.fromMs <= toMs && span.toMs >= fromMs;
    const joined = [{ fromMs, toMs }, ...this.#spans.filter(touches)];
    const span = {
      fromMs: Math.min(...joined.map((one) => one.fromMs)),
      toMs: Math.max(...joined.map((one) => one.toMs)),
    };
    this.#spans = [...this.#spans.filter((one) => !touches(one)), span].slice(-SPANS);
    const ring = this.#ring;
    this.#ring = [];
    this.#ringBytes = 0;
    for (const line of ring) {
      if (this.#isMarked(line.atMs)) this.#keep(line);
      else this.#push(line);
    }
  }

  /** Sends what waits, in order of capture within an hour, as far as it is taken. */
  flush(send: (results: ResultsNotice) => boolean, nowMs: number, wallMs: number): void {
    for (const [key, sinceMs] of this.#thinned) if (nowMs - sinceMs >= THIN_MS) this.#thinned.delete(key);
    this.#spans = this.#spans.filter(({ toMs }) => toMs > wallMs - SPAN_MS);
    this.#waiting.sort((a, b) => a.atMs - b.atMs);
    // The budget of one flush: the rest follows a second later.
    for (let left = RESULTS_LIMIT; this.#waiting.length > 0; ) {
      const batch = this.#batch(left);
      if (batch.length === 0 || !send(this.#noticeOf(batch))) return;
      const bytes = bytesOf(batch);
      this.#waiting.splice(0, batch.length);
      this.#waitingBytes -= bytes;
      left -= bytes;
    }
  }

  /** Results with content are always wanted. Of the others a few show that the consumer worked, or why it did not. */
  #isWanted({ consumer, status, detections, data }: ResultMessage, nowMs: number): boolean {
    const isOk = status === 'ok';
    if (isOk && (data !== undefined || (detections?.length ?? 0) > 0)) return true;
    const key = `${isOk} ${consumer}`;
    if (nowMs - (this.#thinned.get(key) ?? Number.NEGATIVE_INFINITY) < THIN_MS) return false;
    this.#thinned.set(key, nowMs);
    return true;
  }

  #isMarked(atMs: number): boolean {
    return this.#spans.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
  }

  #keep(line: Line): void {
    if (line.bytes > RESULT_LINE_LIMIT || this.#waitingBytes + line.bytes > WAITING_LIMIT) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.bytes;
  }

  #remember(line: Line, beforeMs: number): void {
    this.#push(line);
    const oldestMs = line.atMs - beforeMs - LATE_MS;
    const isOver = ({ atMs }: Line): boolean => this.#ringBytes > RING_LIMIT || atMs < oldestMs;
    for (let first = this.#ring[0]; first && isOver(first); first = this.#ring[0]) {
      this.#ring.shift();
      this.#ringBytes -= first.bytes;
    }
  }

  #push(line: Line): void {
    this.#ring.push(line);
    this.#ringBytes += line.bytes;
  }

  /** The first lines that wait, of one hour, with at most so many bytes. */
  #batch(bytes: number): readonly Line[] {
    const [first] = this.#waiting;
    const hourMs = hourOf(first?.atMs ?? 0);
    let sum = 0;
    const end = this.#waiting.findIndex((line) => hourOf(line.atMs) !== hourMs || (sum += line.bytes) > bytes);
    return end < 0 ? this.#waiting : this.#waiting.slice(0, end);
  }

  #noticeOf(batch: readonly Line[]): ResultsNotice {
    const hourMs = hourOf(batch[0]?.atMs ?? 0);
    return { camera: this.#camera, hourMs, lines: batch.map(({ text }) => text).join('') };
  }
}

function bytesOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { bytes }) => sum + bytes, 0);
}

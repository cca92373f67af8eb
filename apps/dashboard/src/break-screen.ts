import { type Signal, signal } from '@preact/signals';
import type { ResultMessage } from '@vigia/contracts';
import { type Browser, refusalText, type Reply } from './connection.ts';
import { clockTime, duration, text } from './texts.ts';
import type { Ward } from './ward.ts';

/** What may be broken, in the order of the buttons. */
export const BREAKS = ['model', 'camera', 'recorder'] as const;
export type Break = (typeof BREAKS)[number];

const REQUEST_MS = 5000;
const LOOK_MS = 250;
/** The recording is asked for its gap so often. */
const ASK_MS = 1000;
/** What was not seen until then is not waited for. */
const WAIT_MS = 60_000;

/** What is known of the newest break. Times are milliseconds since it. */
interface Broken {
  readonly what: Break;
  /** By the server's clock, milliseconds since 1970. */
  readonly atMs: number;
  /** By the page's clock. */
  readonly localMs: number;
  /** When vigia first said that it cannot look. */
  noticedMs: number | null;
  /** Answers that said so. */
  unanswered: number;
  /** When the first answer about a picture came that was taken afterwards. */
  lookedMs: number | null;
  /** Of the recording; null: not known yet. */
  gap: { readonly fromMs: number; readonly toMs: number } | null;
  asking: boolean;
}

/** Breaks parts of a demo on purpose, and says what this page saw of it. */
export class BreakScreen {
  /** Sentences; empty before the first break. */
  readonly said: Signal<string> = signal('');
  readonly asking: Signal<boolean> = signal(false);
  readonly #camera: string;
  readonly #ward: Pick<Ward, 'serverMs' | 'tile'>;
  readonly #browser: Pick<Browser, 'now' | 'after' | 'request'>;
  readonly #csrf: () => string | null;
  #broken: Broken | null = null;
  #cancel = (): void => {};

  constructor(
    camera: string,
    ward: Pick<Ward, 'serverMs' | 'tile'>,
    browser: Pick<Browser, 'now' | 'after' | 'request'>,
    csrf: () => string | null,
  ) {
    this.#camera = camera;
    this.#ward = ward;
    this.#browser = browser;
    this.#csrf = csrf;
  }

  async break(what: Break): Promise<void> {
    if (this.asking.peek()) return;
    this.close();
    this.asking.value = true;
    this.said.value = text('br.asking');
    const reply = await this.#request('POST', '/api/v1/demo/break', { what, camera: this.#camera });
    this.asking.value = false;
    const localMs = this.#browser.now();
    const atMs = this.#ward.serverMs(localMs);
    if (reply?.status !== 200 || atMs === null) {
      this.said.value = text('br.refused', { why: refusalText(reply) });
      return;
    }
    this.#broken = {
      what,
      atMs,
      localMs,
      noticedMs: null,
      unanswered: 0,
      lookedMs: null,
      gap: null,
      asking: false,
    };
    this.#look();
  }

  /** An answer of this camera. */
  take({ status, captured_at: captured }: Pick<ResultMessage, 'status' | 'captured_at'>): void {
    const broken = this.#broken;
    if (broken === null || broken.lookedMs !== null) return;
    const sinceMs = this.#browser.now() - broken.localMs;
    if (status !== 'ok') {
      broken.unanswered += 1;
      // Of a camera that sends nothing there is no answer at all: what comes is about pictures of before.
      if (broken.what !== 'camera') broken.noticedMs ??= sinceMs;
    } else if (Date.parse(captured) > broken.atMs && (broken.what !== 'camera' || broken.noticedMs !== null)) {
      broken.lookedMs = sinceMs;
    } else return;
    this.#say(broken);
  }

  /** Nobody waits for what follows any more. */
  close(): void {
    this.#cancel();
    this.#broken = null;
  }

  #look(): void {
    const broken = this.#broken;
    if (broken === null) return;
    const nowMs = this.#browser.now();
    const sinceMs = nowMs - broken.localMs;
    if (this.#ward.tile(this.#camera, nowMs)?.watch === 'blind') broken.noticedMs ??= sinceMs;
    const isOver = broken.lookedMs !== null && (broken.what !== 'recorder' || broken.gap !== null);
    this.#say(broken);
    if (isOver || sinceMs > WAIT_MS) return;
    const asks = broken.what === 'recorder' && broken.gap === null && sinceMs >= ASK_MS;
    if (asks && !broken.asking) void this.#askGap(broken);
    this.#cancel = this.#browser.after(asks ? ASK_MS : LOOK_MS, () => this.#look());
  }

  async #askGap(broken: Broken): Promise<void> {
    broken.asking = true;
    const path = `/api/v1/recordings?camera=${encodeURIComponent(this.#camera)}&from=${Math.round(broken.atMs - WAIT_MS)}`;
    const reply = await this.#request('GET', path);
    broken.asking = false;
    if (reply?.status === 200) broken.gap = gapIn(reply.body, this.#camera, broken.atMs);
  }

  #say({ what, atMs, noticedMs, unanswered, lookedMs, gap }: Broken): void {
    const t = clockTime(atMs);
    const sentences = [text(`br.${what}.broken`, { t })];
    if (noticedMs !== null) sentences.push(text('br.noticed', { s: elapsed(noticedMs) }));
    if (lookedMs !== null) sentences.push(text('br.looked', { s: elapsed(lookedMs) }));
    if (unanswered > 0) sentences.push(text(unanswered === 1 ? 'br.missed1' : 'br.missed', { n: unanswered }));
    if (gap !== null)
      sentences.push(
        text('br.gap', { s: elapsed(gap.toMs - gap.fromMs), from: clockTime(gap.fromMs), to: clockTime(gap.toMs) }),
      );
    this.said.value = sentences.join(' ');
  }

  #request(method: string, path: string, body?: unknown): Promise<Reply | undefined> {
    const options = { body, csrf: this.#csrf(), timeoutMs: REQUEST_MS };
    return this.#browser.request(method, path, options).catch(() => undefined);
  }
}

/** `40 ms`, `0.9 s` as other ages are written only from a second on. */
function elapsed(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : duration(ms);
}

/** The gap of a recorder that was not running, once it has ended. */
function gapIn(body: unknown, camera: string, atMs: number): Broken['gap'] {
  const { cameras } = body as {
    readonly cameras?: Readonly<
      Record<string, { gaps?: readonly { from_ms: number; to_ms: number | null; reason: string }[] }>
    >;
  };
  const gaps = cameras?.[camera]?.gaps ?? [];
  const found = gaps.find(({ to_ms, reason }) => reason === 'node_down' && to_ms !== null && to_ms > atMs);
  return found === undefined ? null : { fromMs: found.from_ms, toMs: found.to_ms as number };
}

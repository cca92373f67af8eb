import { type Browser, chromium, type Page } from 'playwright-core';
import type { SoakRun } from '../../soak-run.ts';
import { within } from './limits.ts';
import { NUMBER_PLACE } from './numbers.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGS = ['--no-sandbox', '--headless=new', '--autoplay-policy=no-user-gesture-required', '--mute-audio'];
const START_MS = 30_000;
/** The page has its own limits; this one is for a browser that hangs. */
const MARGIN_MS = 10_000;

/** A picture that the browser showed. */
export interface ShownPicture {
  /** Seconds of the video. */
  readonly mediaTime: number;
  readonly number: number;
}

/** What a player reports. Times in seconds of the video, unless they say otherwise. */
export interface Played {
  readonly version: string;
  /** Empty: it reached the end. */
  readonly wrong: string;
  readonly pictures: readonly ShownPicture[];
  readonly errors: readonly { readonly fatal: boolean; readonly what: string }[];
  readonly decoded: number;
  readonly dropped: number;
  readonly audioBytes: number;
  readonly videoBytes: number;
  readonly endedAt: number;
  readonly duration: number;
  readonly buffered: readonly (readonly [number, number])[];
  readonly fragments: readonly Fragment[];
  readonly state: { readonly readyState: number; readonly paused: boolean; readonly seeking: boolean };
}

/** A part of a playlist as hls.js has it. */
export interface Fragment {
  readonly start: number;
  /** Number of discontinuities before it. */
  readonly cc: number;
  /** EXT-X-PROGRAM-DATE-TIME. Wall time, milliseconds. */
  readonly dateMs: number;
}

/** What is shown after going to a time. */
export interface Sought {
  readonly wrong: string;
  readonly time: number;
  readonly picture: ShownPicture;
  readonly errors: Played['errors'];
}

interface PagePlayer {
  play(settings: unknown): Promise<Played>;
  seek(settings: unknown): Promise<Sought>;
}

/** hls.js in Chromium. */
export class BrowserPlayer {
  /** What pages threw, or the browser complained of. */
  readonly complaints: string[] = [];
  readonly version: string;
  readonly #page: Page;

  private constructor(browser: Browser, page: Page) {
    this.version = browser.version();
    this.#page = page;
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()));
  }

  /** Starts Chromium, without a window; it ends with the run. @param url Of a page with a player. */
  static async start({ scope, signal }: SoakRun, url: string): Promise<BrowserPlayer> {
    signal.throwIfAborted();
    const handle = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS, timeout: START_MS, ...handle });
    scope.defer(() => browser.close());
    const player = new BrowserPlayer(browser, await browser.newPage());
    await player.#page.goto(url, { timeout: START_MS });
    await player.#page.waitForFunction('globalThis.player !== undefined', undefined, { timeout: START_MS });
    return player;
  }

  /** Plays a playlist to its end, `rate` times as fast. */
  play(url: string, rate: number, limitMs: number): Promise<Played> {
    const settings = { url, rate, limitMs, numbers: NUMBER_PLACE };
    const played = this.#page.evaluate(
      (given) => (globalThis as unknown as { player: PagePlayer }).player.play(given),
      settings,
    );
    return within('a browser', limitMs + MARGIN_MS, played);
  }

  /** Goes to a time of what was played last. */
  seek(time: number, limitMs: number): Promise<Sought> {
    const sought = this.#page.evaluate(
      (given) => (globalThis as unknown as { player: PagePlayer }).player.seek(given),
      { time, limitMs },
    );
    return within('a browser', limitMs + MARGIN_MS, sought);
  }
}

import { type LiveBrowser, type Player, takeTime, type WayEvents } from './live-way.ts';

/** What was received is confirmed at least so often: the node sends no picture that this page could only take late. */
const CONFIRM_MS = 200;
/** Longest text of the node, and longest type in it, characters. */
const TEXT_LIMIT = 1024;
const MIME_LIMIT = 128;
const STAMP_LIMIT = 2 ** 32;

/** One attempt over a WebSocket: a movie, a part for each picture, and the times of its pictures. */
export class LiveMovie<Track> {
  readonly #browser: LiveBrowser<Track>;
  readonly #path: string;
  readonly #events: WayEvents<Track>;
  #socket: { send(text: string): void; close(): void } | null = null;
  #player: Player<Track> | null = null;
  /** Messages that were received, and taken by the player. */
  #received = 0;
  #cancel: (() => void) | null = null;
  /** The type of the camera's stream, which this browser cannot play: the small one was asked for. */
  #unplayable: string | null = null;
  #ended = false;

  constructor(browser: LiveBrowser<Track>, camera: string, events: WayEvents<Track>) {
    this.#browser = browser;
    this.#path = `/api/v1/cameras/${encodeURIComponent(camera)}/live.mp4`;
    this.#events = events;
  }

  open(): void {
    this.#connect('');
  }

  #connect(query: string): void {
    const socket = this.#browser.openSocket(`${this.#path}${query}`, {
      text: (message) => {
        if (this.#ended || socket !== this.#socket) return;
        this.#take(message);
        this.#confirm();
      },
      binary: (part) => {
        if (this.#ended || socket !== this.#socket) return;
        if (this.#player === null) this.#events.dropped();
        else this.#player.append(part);
      },
      closed: () => {
        if (this.#ended || socket !== this.#socket) return;
        // The node has no other stream of this camera.
        if (this.#unplayable !== null) this.#events.refused({ reason: 'codec', detail: this.#unplayable });
        else this.#events.lost();
      },
    });
    this.#socket = socket;
  }

  /** Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancel?.();
    this.#socket?.close();
    this.#player?.close();
  }

  #take(json: string): void {
    const message = json.length > TEXT_LIMIT ? null : parsed(json);
    if (message?.['type'] === 'time') takeTime(json, this.#events);
    else if (message?.['type'] === 'format') this.#begin(message['mime'], message['origin']);
    // Kinds of messages are added within a version.
    else if (typeof message?.['type'] !== 'string') this.#events.dropped();
  }

  #begin(mime: unknown, origin: unknown): void {
    if (this.#player !== null || typeof mime !== 'string' || mime.length > MIME_LIMIT || !isStamp(origin))
      return this.#events.dropped();
    try {
      this.#player = this.#browser.openPlayer(mime, {
        appended: () => this.#confirm(),
        failed: () => {
          if (!this.#ended) this.#events.failed({ reason: 'error', detail: '' });
        },
      });
    } catch {
      return this.#cannotPlay(mime);
    }
    this.#unplayable = null;
    this.#events.answered(origin);
    this.#events.video(this.#player.track);
  }

  /** The camera may have another stream, for the models: with another coding. */
  #cannotPlay(mime: string): void {
    if (this.#unplayable !== null) return this.#events.refused({ reason: 'codec', detail: mime });
    this.#unplayable = mime;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#received = -1;
    this.#connect('?stream=small');
  }

  #confirm(): void {
    this.#received += 1;
    if (this.#ended) return;
    this.#cancel ??= this.#browser.after(CONFIRM_MS, () => {
      this.#cancel = null;
      this.#socket?.send(String(this.#received));
    });
  }
}

function parsed(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isStamp(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < STAMP_LIMIT;
}

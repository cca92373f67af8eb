import type { Clock } from '@vigia/base';
import type { TileHeader } from '@vigia/contracts';
import type { ServedNode } from './served-node.ts';

/** After a camera had no picture. Milliseconds. */
const RETRY_MS = 1_000;
/** After a picture that was dropped the next one comes earlier: the share of the interval. */
const DROPPED_SHARE = 0.5;
const LENGTH_BYTES = 4;

/** Somebody who looks at a camera. */
export interface TileViewer {
  /** Between two pictures, at least. May change at any time. Milliseconds. */
  readonly intervalMs: () => number;
  /** Gets a message: see {@link tileMessage}. Returns at once: false when the viewer had no room, and dropped it. */
  readonly show: (message: Uint8Array) => boolean;
}

/**
 * Small pictures of cameras for all viewers: of each camera and width one is asked for at a time, however many look, and
 * each viewer gets the newest one at its own rate. Nobody looks: nothing is asked.
 */
export class TileFeeds {
  readonly #node: Pick<ServedNode, 'tile'>;
  readonly #clock: Clock;
  readonly #feeds = new Map<string, TileFeed>();

  constructor(node: Pick<ServedNode, 'tile'>, clock: Clock) {
    this.#node = node;
    this.#clock = clock;
  }

  /** @param width Pixels. @returns ends it; idempotent. */
  watch(camera: string, width: number, viewer: TileViewer): () => void {
    const key = `${camera} ${width}`;
    let feed = this.#feeds.get(key);
    if (!feed) {
      feed = new TileFeed(this.#node, this.#clock, camera, width, () => this.#feeds.delete(key));
      this.#feeds.set(key, feed);
    }
    return feed.add(viewer);
  }
}

class TileFeed {
  readonly #node: Pick<ServedNode, 'tile'>;
  readonly #clock: Clock;
  readonly #camera: string;
  readonly #width: number;
  readonly #onEnd: () => void;
  /** When each viewer wants its next picture, at the earliest. */
  readonly #dueMs = new Map<TileViewer, number>();
  #running = false;
  #wake: () => void = () => undefined;

  constructor(node: Pick<ServedNode, 'tile'>, clock: Clock, camera: string, width: number, onEnd: () => void) {
    this.#node = node;
    this.#clock = clock;
    this.#camera = camera;
    this.#width = width;
    this.#onEnd = onEnd;
  }

  add(viewer: TileViewer): () => void {
    this.#dueMs.set(viewer, this.#clock.nowMs());
    this.#wake();
    if (!this.#running) void this.#run();
    return () => {
      this.#dueMs.delete(viewer);
      this.#wake();
    };
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#dueMs.size > 0) {
      const askedMs = this.#clock.nowMs();
      const shown = await this.#show(askedMs);
      // The last one left meanwhile.
      if (this.#dueMs.size === 0) break;
      const nextMs = shown ? Math.min(...this.#dueMs.values()) : askedMs + RETRY_MS;
      await this.#until(nextMs, shown);
    }
    this.#running = false;
    this.#onEnd();
  }

  /** @returns whether the camera had a picture. */
  async #show(askedMs: number): Promise<boolean> {
    try {
      const { jpeg, stamps } = await this.#node.tile(this.#camera, this.#width);
      const message = tileMessage({ type: 'picture', camera: this.#camera, ...stamps }, jpeg);
      for (const [viewer, dueMs] of this.#dueMs) {
        if (dueMs > askedMs) continue;
        // After a dropped one its turn moves: behind the same pictures of other cameras it would be dropped each time.
        this.#dueMs.set(viewer, askedMs + viewer.intervalMs() * (viewer.show(message) ? 1 : DROPPED_SHARE));
      }
      return true;
    } catch {
      // Its tile shows the age of the picture that it has, and the status why no other comes.
      return false;
    }
  }

  /** @param canWake Whether a new viewer ends the wait: not while the camera has no picture. */
  #until(atMs: number, canWake: boolean): Promise<void> {
    const waitMs = atMs - this.#clock.nowMs();
    if (waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(waitMs, resolve);
      this.#wake = () => {
        if (!canWake && this.#dueMs.size > 0) return;
        timer.cancel();
        resolve();
      };
    });
  }
}

/** A picture as a binary message: the length of the header as uint32, big-endian; the header as JSON; the JPEG. */
export function tileMessage(header: TileHeader, jpeg: Uint8Array): Uint8Array {
  const text = Buffer.from(JSON.stringify(header));
  const message = Buffer.allocUnsafe(LENGTH_BYTES + text.byteLength + jpeg.byteLength);
  message.writeUInt32BE(text.byteLength);
  message.set(text, LENGTH_BYTES);
  message.set(jpeg, LENGTH_BYTES + text.byteLength);
  return message;
}

import { type Clock, every, type Log, messageOf, VigiaError } from '@vigia/base';
import type { NodeEvent, NodeItem, NowMessage } from '@vigia/contracts';
import type { Outlet, StreamMessage } from './outlet.ts';
import type { NodeSubscription, ServedNode, StreamedNode } from './served-node.ts';
import { TileFeeds, type TileViewer } from './tile-feeds.ts';

/** Streams that may be open at the same time. */
const STREAMS = 256;
const HEARTBEAT_MS = 15_000;
/** A client that reads nothing for this long is disconnected. It goes on where it was. */
const STUCK_MS = 30_000;
/** Beats without an answer after which a client is disconnected: megabytes may wait in the kernel before it is stuck. */
const UNANSWERED = STUCK_MS / HEARTBEAT_MS;
const PAGE = 500;
const SECOND_MS = 1_000;
/** A client that wants the newest results only gets them so often. */
const TURN_MS = 500;
/** A node that says every second that it does not hang has not said so for this long. */
const ALIVE_MS = 2_000;
/** Of small pictures for one client, per second: 32 tiles of 320 × 180, three times a second. */
const PIXELS_PER_S = 6_000_000;
/** The usual share of height to width of a picture. */
const HEIGHT_SHARE = 9 / 16;

/** Options of {@link NodeStreams}. */
export interface NodeStreamsOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** What a client wants. */
export interface StreamWish {
  /** For the log. */
  readonly name: string;
  /** The last event that the client has: see {@link ServedNode.resume}. Undefined: only what happens from now on. */
  readonly after: string | undefined;
  /** The node as this client may see it. */
  readonly node: StreamedNode;
  /** Whether the client may still read. */
  readonly isStill: () => boolean;
  readonly wants: (item: NodeItem) => boolean;
  readonly format: StreamFormat;
  /** Whether it gets the time each second. */
  readonly now?: boolean;
  /** Whether it gets what was answered in the last minute, of all that it may see or of one camera. */
  readonly summary?: SummaryWish | undefined;
  /** Small pictures that it wants. */
  readonly pictures?: PictureWish | undefined;
}

/** A client that draws what was answered. */
export interface SummaryWish {
  /** Undefined: all that it may see. */
  readonly camera: string | undefined;
  /** Of results it wants the newest of each consumer, twice a second at most; false: every one. */
  readonly sparse: boolean;
}

/** Small pictures that a client wants. */
export interface PictureWish {
  /** Undefined: all that it may see. */
  readonly camera: string | undefined;
  /** Pixels. */
  readonly width: number;
  /** Of each camera, at most. */
  readonly fps: number;
}

/** How items become messages. */
export interface StreamFormat {
  readonly item: (item: NodeItem) => StreamMessage;
  /** Where the stream begins; undefined: nothing can be resumed. */
  readonly position: (id: string | undefined) => StreamMessage;
  /** Results and statistics that a slow client lost, in all. Undefined: no such message. */
  readonly lost?: (samples: number) => StreamMessage;
}

/** Clients that read what happens on the node, as it happens. */
export class NodeStreams {
  readonly #o: NodeStreamsOptions;
  readonly #open = new Set<NodeStream>();
  readonly #tiles: TileFeeds;

  constructor(options: NodeStreamsOptions & { readonly node: Pick<ServedNode, 'tile'> }) {
    this.#o = options;
    this.#tiles = new TileFeeds(options.node, options.clock);
  }

  /** @throws VigiaError `busy` when no further client fits. */
  checkRoom(): void {
    if (this.#open.size >= STREAMS) throw new VigiaError('busy', `${STREAMS} streams are open; more are not served`);
  }

  /** Ends the streams of those who may not read them any more. */
  checkLogins(): void {
    for (const stream of this.#open) stream.checkLogin();
  }

  /** Serves a client until one end closes. One that left while its stream was prepared closes no more. */
  serve(outlet: Outlet, wish: StreamWish): void {
    if (outlet.closed) return;
    const stream = new NodeStream(this.#o, this.#tiles, outlet, wish);
    this.#open.add(stream);
    outlet.onClose(() => {
      this.#open.delete(stream);
      stream.close();
    });
    stream.start();
    // A right may have been taken while the store was asked.
    stream.checkLogin();
  }
}

/**
 * One client. Events come without gaps and in order, also after a pause: from the store, then from the node's stream. A
 * slow client loses results, which are counted.
 */
class NodeStream {
  readonly #o: NodeStreamsOptions;
  readonly #outlet: Outlet;
  readonly #wish: StreamWish;
  readonly #heartbeat: { cancel(): void };
  readonly #tiles: TileFeeds;
  /** Only for a client that wants the time or pictures. */
  readonly #seconds: { cancel(): void } | undefined;
  /** What ends each camera's pictures. */
  readonly #watched = new Map<string, () => void>();
  #subscription: NodeSubscription | undefined;
  /** The last event that was sent, or where the stream begins. Later events have larger ids. */
  #last: string;
  /** What the subscription had dropped when it was last looked at. */
  #dropped = { kept: 0, samples: 0 };
  #caughtUp: Promise<void> | undefined;
  /** Of a sparse client: results that wait for their turn, by consumer. */
  readonly #newest = new Map<string, NodeItem>();
  #sendsNewest = false;
  readonly #turns: { cancel(): void } | undefined;

  constructor(options: NodeStreamsOptions, tiles: TileFeeds, outlet: Outlet, wish: StreamWish) {
    this.#o = options;
    this.#tiles = tiles;
    this.#outlet = outlet;
    this.#wish = wish;
    this.#last = wish.after ?? wish.node.position;
    this.#heartbeat = every(options.clock, HEARTBEAT_MS, () => this.#beat());
    if (wish.summary?.sparse) this.#turns = every(options.clock, TURN_MS, () => void this.#sendNewest());
    if (wish.now || wish.pictures) this.#seconds = every(options.clock, SECOND_MS, () => this.#second());
  }

  start(): void {
    const { node, name, after, wants, format } = this.#wish;
    // A client that is cut off before the first event goes on from here.
    void this.#outlet.send(format.position(node.resumable ? this.#last : undefined));
    if (after !== undefined) this.#catchUp();
    // What happens meanwhile waits in the subscription's queue.
    const onOverflow = (): void => this.#end('it left too many alarms unread');
    this.#subscription = node.follow({ name, wants, onOverflow }, (item) => this.#take(item));
    if (this.#seconds) this.#second();
    if (this.#wish.summary) void this.#sendMinute(this.#wish.summary);
  }

  /** Ends the stream when its client may not read it any more. */
  checkLogin(): void {
    if (!this.#wish.isStill()) this.#end('its login has ended, or has other rights now');
  }

  #beat(): void {
    this.checkLogin();
    if (this.#outlet.unanswered >= UNANSWERED) this.#end(`it answered nothing for ${STUCK_MS / 1000} s`);
    if (!this.#outlet.closed) this.#outlet.beat();
  }

  #second(): void {
    if (this.#outlet.closed) return;
    this.checkLogin();
    // Only while the node is there: a page covers what it shows when the time stops coming.
    if (this.#wish.now && this.#o.clock.nowMs() - this.#wish.node.aliveMs < ALIVE_MS)
      void this.#outlet.send(nowMessage(this.#o.clock));
    if (this.#wish.pictures) this.#followCameras(this.#wish.pictures);
  }

  /** What follows is not counted twice by a client that knows when each was decided. */
  async #sendMinute({ camera }: SummaryWish): Promise<void> {
    try {
      for (const summary of await this.#wish.node.lastMinute())
        if (!this.#outlet.closed && (camera === undefined || summary.camera === camera)) {
          const room = this.#outlet.send({ event: 'summary', data: JSON.stringify(summary) });
          if (room) await this.#whenRoom(room);
        }
    } catch (error) {
      this.#o.log.debug(`${this.#wish.name} gets no summary: ${messageOf(error)}`);
    }
  }

  /** The newest result of each consumer since the last time. A client that does not keep up gets newer ones later. */
  async #sendNewest(): Promise<void> {
    if (this.#sendsNewest) return;
    this.#sendsNewest = true;
    const newest = [...this.#newest.values()];
    this.#newest.clear();
    for (const item of newest) {
      const room = this.#outlet.closed ? undefined : this.#outlet.send(this.#wish.format.item(item));
      if (room) await this.#whenRoom(room);
    }
    this.#sendsNewest = false;
  }

  /** Cameras come and go. */
  #followCameras({ camera, width, fps }: PictureWish): void {
    const { cameraIds } = this.#wish.node;
    const wanted = new Set(camera === undefined ? cameraIds : cameraIds.filter((id) => id === camera));
    for (const [id, end] of this.#watched)
      if (!wanted.has(id)) {
        this.#watched.delete(id);
        end();
      }
    const viewer: TileViewer = {
      intervalMs: () => intervalOf(width, fps, this.#watched.size),
      // One without room gets a newer one later.
      show: (message) => this.#outlet.sendBytes?.(message) ?? false,
    };
    for (const id of wanted)
      if (!this.#watched.has(id)) this.#watched.set(id, this.#tiles.watch(id, width, { ...viewer }));
  }

  close(): void {
    this.#seconds?.cancel();
    this.#turns?.cancel();
    for (const end of this.#watched.values()) end();
    this.#watched.clear();
    this.#heartbeat.cancel();
    this.#subscription?.close();
  }

  /** Returns nothing while the client keeps up: a result then costs one message. */
  #take(item: NodeItem): Promise<void> | undefined {
    this.#noticeLosses();
    return this.#caughtUp ? this.#caughtUp.then(() => this.#send(item)) : this.#send(item);
  }

  /** The queue keeps alarms and drops other things of a slow client: the store has the events, results are counted. */
  #noticeLosses(): void {
    const { kept, samples } = this.#subscription?.dropped() ?? this.#dropped;
    const known = this.#dropped;
    this.#dropped = { kept, samples };
    const { lost } = this.#wish.format;
    if (lost && samples > known.samples) void this.#outlet.send(lost(samples));
    if (kept > known.kept) this.#catchUp();
  }

  #catchUp(): void {
    const before = this.#caughtUp ?? Promise.resolve();
    const caughtUp = before
      .then(() => this.#readStore())
      .finally(() => {
        if (this.#caughtUp === caughtUp) this.#caughtUp = undefined;
      });
    this.#caughtUp = caughtUp;
  }

  async #readStore(): Promise<void> {
    try {
      for (let more = true; more && !this.#outlet.closed; ) {
        const events: NodeEvent[] = await this.#wish.node.events({ after: this.#last, limit: PAGE });
        for (const event of events) {
          const item: NodeItem = { type: 'event', event };
          if (this.#wish.wants(item)) await this.#send(item);
          else this.#last = event.id;
        }
        more = events.length > 0;
      }
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  #send(item: NodeItem): Promise<void> | undefined {
    if (this.#outlet.closed) return undefined;
    if (item.type === 'event') {
      if (item.event.id <= this.#last) return undefined;
      this.#last = item.event.id;
    } else if (item.type === 'result' && this.#turns) {
      this.#newest.set(`${item.result.camera}/${item.result.consumer}`, item);
      return undefined;
    }
    const room = this.#outlet.send(this.#wish.format.item(item));
    return room && this.#whenRoom(room);
  }

  async #whenRoom(room: Promise<void>): Promise<void> {
    const stuck = this.#o.clock.after(STUCK_MS, () => this.#end(`it read nothing for ${STUCK_MS / 1000} s`));
    await room;
    stuck.cancel();
  }

  #end(why: string): void {
    if (this.#outlet.closed) return;
    this.#o.log.warn(`${this.#wish.name} was disconnected: ${why}`);
    this.#outlet.cut();
  }
}

/** Between two pictures of a camera for a client that looks at so many. Milliseconds. */
function intervalOf(width: number, fps: number, cameras: number): number {
  return 1_000 * Math.max(1 / fps, (cameras * width * width * HEIGHT_SHARE) / PIXELS_PER_S);
}

function nowMessage(clock: Clock): StreamMessage {
  const message: NowMessage = {
    type: 'now',
    at: new Date(clock.wallMs()).toISOString(),
    monotonic_ms: Math.round(clock.nowMs()),
  };
  return { event: 'now', data: JSON.stringify(message) };
}

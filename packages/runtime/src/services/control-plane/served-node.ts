import { type Clock, VigiaError } from '@vigia/base';
import type { EventQuery, NodeEvent, NodeItem, SummaryMessage } from '@vigia/contracts';
import type { Tile } from '#core/camera-link';
import type { ControlledNode, RecordChange } from './controlled-node.ts';
import { cameraOf } from './granted-node.ts';
import type { ApiCall, NodeOperations } from './operations.ts';

/** What a stream needs of a node. */
export interface StreamedNode {
  readonly cameraIds: readonly string[];
  /** Whether events are stored, so that a stream can be resumed. */
  readonly resumable: boolean;
  /** When the node last showed that it does not hang. Monotonic milliseconds. */
  readonly aliveMs: number;
  /** Each event that a new reader gets has a larger id. */
  readonly position: string;
  /** Stored events, oldest first. */
  events(query: EventQuery): Promise<NodeEvent[]>;
  /** What each consumer answered in the last minute. @throws VigiaError when the node does not answer. */
  lastMinute(): Promise<readonly SummaryMessage[]>;
  /**
   * Hands over what happens from now on and is wanted; the next item waits for the promise that `handle` returns. Only after
   * {@link ServedNode.attend}.
   */
  follow(options: FollowerOptions, handle: (item: NodeItem) => void | Promise<void>): NodeSubscription;
}

/** What an HTTP server needs of a node, which may be another process. */
export interface ServedNode extends StreamedNode {
  /** Carries out a request. @throws what `refusalOf` makes an answer of. */
  call(call: ApiCall): Promise<unknown>;
  /** Ends the node like SIGTERM. Returns at once. @param by Who asks. */
  stop(by: string): void;
  readonly audit: RecordChange;
  /** Where the process that has the recordings answers; undefined: there are none. */
  readonly playback: string | undefined;
  /** Resolves when {@link StreamedNode.follow} hands over everything. @throws VigiaError when the node does not answer. */
  attend(): Promise<void>;
  /**
   * Where a client goes on that has the events up to this one: from there, or from the first event on when the id is of a
   * store that was set aside, or of a clock that was ahead.
   *
   * @throws VigiaError `no_store` when events are not stored.
   */
  resume(after: string): Promise<string>;
  /**
   * A small picture: of the next ok result, or of the next frame when none comes soon.
   *
   * @throws VigiaError when the camera has none within some seconds.
   */
  tile(camera: string, width: number): Promise<Tile>;
  /**
   * Where the process answers that has the live video of this camera: a Unix socket. It is started if need be.
   *
   * @throws VigiaError `not_found`; `privacy` for a camera with zones that nobody may see; `no_live` when there is no such
   *   process.
   */
  live(camera: string): Promise<string>;
}

/** A reader of {@link StreamedNode.follow}. */
export interface FollowerOptions {
  /** For the log. */
  readonly name: string;
  /** What it does not want does not wait for it, and is not lost when it is slow. */
  readonly wants: (item: NodeItem) => boolean;
  /** Too many alarms were unread: nothing more comes. */
  readonly onOverflow: () => void;
}

/** A subscription of a reader. */
export interface NodeSubscription {
  /** Items dropped because they were not read in time: `samples` are gone, `kept` can still be read from the store. */
  dropped(): { readonly samples: number; readonly kept: number };
  close(): void;
}

/** Before every event. */
const FIRST = '0'.repeat(26);

/** The node of this process. */
export function servedNode(
  node: ControlledNode,
  operations: NodeOperations,
  clock: Clock,
  more: Pick<ServedNode, 'follow' | 'live' | 'stop'>,
): ServedNode {
  return {
    // It answers: it is this process.
    get aliveMs() {
      return clock.nowMs();
    },
    get cameraIds() {
      return node.cameraIds;
    },
    resumable: node.resumable,
    get position() {
      return node.newEventId();
    },
    get playback() {
      return node.playback;
    },
    events: (query) => node.events(query),
    lastMinute: async () => node.lastMinute(),
    ...more,
    call: (call) => operations.call(call),
    audit: node.audit,
    attend: () => Promise.resolve(),
    resume: async (after) => {
      await node.events({ after, limit: 1 });
      return after > node.newEventId() ? FIRST : after;
    },
    tile: async (id, width) => {
      const camera = node.camera(id);
      if (!camera) throw new VigiaError('not_found', `there is no camera "${id}"`);
      return camera.tile(width);
    },
  };
}

/** What streams show to a user with access to some cameras. */
export function grantedStream(node: StreamedNode, cameras: readonly string[]): StreamedNode {
  const granted = new Set(cameras);
  const isGranted = (id: string | null): boolean => id !== null && granted.has(id);
  return {
    get cameraIds() {
      return node.cameraIds.filter(isGranted);
    },
    resumable: node.resumable,
    get aliveMs() {
      return node.aliveMs;
    },
    get position() {
      return node.position;
    },
    events: async (query) => {
      const { camera } = query;
      const found = await node.events(camera === undefined ? { ...query, cameras } : query);
      return found.filter((event) => isGranted(event.camera));
    },
    lastMinute: async () => (await node.lastMinute()).filter(({ camera }) => granted.has(camera)),
    follow: ({ wants, ...options }, handle) =>
      node.follow({ ...options, wants: (item) => isGranted(cameraOf(item)) && wants(item) }, handle),
  };
}

import { type Channel, type Clock, codeOf, type Log } from '@vigia/base';
import type { NodeItem, SummaryMessage } from '@vigia/contracts';
import type { ApiNodeWords, NodeApiWords, NodeFacts } from '#core/api-link';
import { EventHub } from '#core/event-hub';
import {
  type ApiCall,
  type FollowerOptions,
  type NodeName,
  type NodeSubscription,
  refuseDeep,
  type Refusal,
  Refused,
  refuseUnlessStill,
  type ServedNode,
} from '#services/control-plane';
import { Lane } from './lane.ts';

/** What the node answers from what it knows. Milliseconds. */
const QUICK_MS = 10_000;
/** Changes may start processes, and models may have to be fetched first. */
const SLOW_MS = 3_600_000;
/** A camera gives up earlier. */
const TILE_MS = 10_000;
/** The process that has live video may have to be started. */
const LIVE_MS = 15_000;
/** Nobody reads streams for this long: the node stops sending items. */
const LINGER_MS = 5_000;
/** A summary of the last minute serves for so long. */
const MINUTE_KEPT_MS = 1_000;

const NOTHING_LOST: { readonly samples: number; readonly kept: number } = { samples: 0, kept: 0 };

const QUICK: ReadonlySet<NodeName> = new Set([
  'health',
  'ready',
  'status',
  'cameras',
  'camera',
  'models',
  'config',
  'revisions',
  'logs',
  'alarms',
  'problems',
  'budget',
  'previewRules',
]);

/** Options of {@link RemoteNode}. */
export interface RemoteNodeOptions {
  readonly channel: Channel<ApiNodeWords, NodeApiWords>;
  readonly facts: NodeFacts;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The node, which is another process. However many clients there are, it works on few of their requests at a time, and sends
 * each item once.
 */
export class RemoteNode implements ServedNode {
  readonly #o: RemoteNodeOptions;
  readonly #hub: EventHub;
  /** Few: while the node answers, nothing else happens in it. */
  readonly #quick = new Lane(2, 512);
  /** Somebody goes to help: that waits for nobody else. */
  readonly #acknowledgements = new Lane(4, 128);
  /** These wait for cameras, models and disks, and it does not. */
  readonly #slow = new Lane(16, 128);
  /** A camera that gives none takes seconds to say so: twice as many as may look at one of those as MJPEG. */
  readonly #snapshots = new Lane(32, 128);
  readonly #tiles = new Lane(32, 1_024);
  readonly #views = new Lane(8, 128);
  readonly #readers = new Set<() => void>();
  #following: Promise<void> | undefined;
  #lingering: { cancel(): void } | undefined;
  #position = '';
  #minute: { readonly atMs: number; readonly summaries: Promise<readonly SummaryMessage[]> } | undefined;
  #lost = NOTHING_LOST;
  facts: NodeFacts;
  /** See {@link ServedNode}. */
  aliveMs: number;

  constructor(options: RemoteNodeOptions) {
    this.#o = options;
    this.facts = options.facts;
    this.aliveMs = options.clock.nowMs();
    this.#hub = new EventHub(options.log);
  }

  get cameraIds(): readonly string[] {
    return this.facts.cameras;
  }

  get playback(): string | undefined {
    return this.facts.playback ?? undefined;
  }

  get resumable(): boolean {
    return this.facts.resumable;
  }

  get position(): string {
    return this.#position;
  }

  async call(call: ApiCall): Promise<unknown> {
    // What is nested too deeply could not even be sent.
    refuseDeep(call.body);
    if (QUICK.has(call.route)) return this.#quick.run(() => this.#ask(call, QUICK_MS));
    return this.#laneOf(call.route).run(() => this.#ask(call, SLOW_MS));
  }

  #laneOf(route: NodeName): Lane {
    if (route === 'acknowledge') return this.#acknowledgements;
    return route === 'snapshot' ? this.#snapshots : this.#slow;
  }

  async #ask({ visitor, expected, key, ...call }: ApiCall, deadlineMs: number): Promise<unknown> {
    // It may have waited.
    refuseUnlessStill(visitor);
    const { identity = null, from } = visitor;
    const ask = { ...call, identity, from, expected: expected ?? null, key: key ?? null };
    const reply = await this.#o.channel.request('call', ask, { deadlineMs });
    if ('answer' in reply) return reply.answer;
    throw new Refused(reply.refusal as Refusal);
  }

  stop(by: string): void {
    this.#o.channel.notify('stop', { by });
  }

  readonly audit: ServedNode['audit'] = (entry, camera) => {
    if (!this.#o.channel.notify('audit', { entry, camera }))
      this.#o.log.error(`${entry.action} of ${entry.by} is not recorded: the node does not read`);
  };

  async resume(after: string): Promise<string> {
    return (await this.#o.channel.request('resume', { after }, { deadlineMs: QUICK_MS })).after;
  }

  async events({ after, limit, cameras }: Parameters<ServedNode['events']>[0]): ReturnType<ServedNode['events']> {
    const { events } = await this.#o.channel.request('events', { after, limit, cameras }, { deadlineMs: QUICK_MS });
    return [...events];
  }

  /** Many pages that come again at once get the same. */
  async lastMinute(): Promise<readonly SummaryMessage[]> {
    const { clock, channel } = this.#o;
    const nowMs = clock.nowMs();
    if (!this.#minute || nowMs - this.#minute.atMs > MINUTE_KEPT_MS) {
      const summaries = channel.request('lastMinute', null, { deadlineMs: QUICK_MS }).then((reply) => reply.summaries);
      this.#minute = { atMs: nowMs, summaries };
    }
    return this.#minute.summaries;
  }

  async tile(camera: string, width: number): ReturnType<ServedNode['tile']> {
    return this.#tiles.run(() => this.#o.channel.request('tile', { camera, width }, { deadlineMs: TILE_MS }));
  }

  live(camera: string): Promise<string> {
    return this.#views.run(async () => {
      const { socketPath } = await this.#o.channel.request('live', { camera }, { deadlineMs: LIVE_MS });
      return socketPath;
    });
  }

  attend(): Promise<void> {
    this.#lingering?.cancel();
    this.#following ??= this.#follow().catch((error: unknown) => {
      this.#following = undefined;
      throw error;
    });
    this.#lingerUnlessRead();
    return this.#following;
  }

  follow(
    { onOverflow, ...options }: FollowerOptions,
    handle: (item: NodeItem) => void | Promise<void>,
  ): NodeSubscription {
    const overflow = (): void => {
      this.#readers.delete(overflow);
      onOverflow();
    };
    this.#readers.add(overflow);
    const before = this.#lost;
    const subscription = this.#hub.subscribe({ ...options, guest: true, onOverflow: overflow }, handle);
    return {
      // What it was too slow for, and what this process was too slow for.
      dropped: () => ({
        samples: subscription.lost.samples + this.#lost.samples - before.samples,
        kept: subscription.lost.kept + this.#lost.kept - before.kept,
      }),
      close: () => {
        this.#readers.delete(overflow);
        subscription.close();
        this.#lingerUnlessRead();
      },
    };
  }

  /** Takes what the node sends. Resolves when more may come. */
  take(items: readonly NodeItem[], lost: { readonly samples: number; readonly kept: number }): void {
    this.#lost = lost;
    for (const item of items) {
      if (item.type === 'event' && item.event.id > this.#position) this.#position = item.event.id;
      this.#hub.publish(item);
    }
  }

  /** The node sends nothing more: every reader ends, and goes on where it was with its next connection. */
  overflow(): void {
    this.#following = undefined;
    for (const end of this.#readers) end();
  }

  async #follow(): Promise<void> {
    const { channel } = this.#o;
    // The node counts each subscription from its beginning.
    this.#lost = NOTHING_LOST;
    const { position } = await channel.request('follow', { on: true }, { deadlineMs: QUICK_MS });
    if (position > this.#position) this.#position = position;
  }

  #lingerUnlessRead(): void {
    if (this.#readers.size > 0) return;
    this.#lingering?.cancel();
    this.#lingering = this.#o.clock.after(LINGER_MS, () => void this.#unfollow(), { unref: true });
  }

  async #unfollow(): Promise<void> {
    if (this.#readers.size > 0 || !this.#following) return;
    this.#following = undefined;
    try {
      await this.#o.channel.request('follow', { on: false }, { deadlineMs: QUICK_MS });
    } catch (error) {
      if (codeOf(error) !== 'channel_closed') this.#o.log.warn(String(error));
    }
  }
}

import type { Clock } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import type { TrackKind } from '#simulated-camera/rtsp';
import type { FaultyTransport } from '#simulated-camera/transport';
import type { Stream, StreamStart } from './stream.ts';
import { TimedFaults } from './timed-faults.ts';
import { type SentUnit, VideoStream } from './video-stream.ts';

/** Why a session is frozen; it continues when no reason is left. */
export type SessionFreeze = 'connection' | 'teardown-silently';

/** What a session asks of its connection. */
export interface SessionEvents {
  /** The fault `freeze` began or ended: the whole connection freezes or continues. */
  onFreeze(frozen: boolean): void;
  /** The stream has ended: the connection closes. */
  onEnd(): void;
}

/** Input of a {@link MediaSession}. */
export interface SessionOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly faults: FaultBoard;
  readonly events: SessionEvents;
  /** Creates the stream of a track; `onUnit` must be called for each frame. */
  readonly createStream: (kind: TrackKind, transport: FaultyTransport, onUnit: (unit: SentUnit) => void) => Stream;
}

/** A track in the reply to PLAY. */
export interface TrackStart extends StreamStart {
  /** Position in the session description. */
  readonly track: number;
}

/** One client's streams, from SETUP to TEARDOWN. Owns streams and transports. */
export class MediaSession {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #timed: TimedFaults;
  readonly #tracks = new Map<number, { readonly stream: Stream; transport: FaultyTransport }>();
  readonly #frozenBy = new Set<SessionFreeze>();
  #playing = false;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#timed = new TimedFaults(options.clock, options.faults, {
      onFault: (name) => this.#onFault(name, true),
      onFaultOver: (name) => this.#onFault(name, false),
    });
  }

  get playing(): boolean {
    return this.#playing;
  }

  /** SETUP of a track, the first or another one before PLAY. The session owns the transport. Returns the SSRC. */
  setTrack(index: number, kind: TrackKind, transport: FaultyTransport): number {
    const known = this.#tracks.get(index);
    if (known) {
      known.transport.close();
      known.transport = transport;
      known.stream.replaceTransport(transport);
      return known.stream.ssrc;
    }
    const stream = this.#options.createStream(kind, transport, () => this.#timed.onUnit());
    this.#tracks.set(index, { stream, transport });
    return stream.ssrc;
  }

  /** The first packets of {@link begin}, by track. Call once per PLAY, before it. */
  prepare(): TrackStart[] {
    this.#playing = true;
    const inOrder = [...this.#tracks].sort(([one], [other]) => one - other);
    return inOrder.map(([track, { stream }]) => {
      const { ssrc, sequence, rtpTime } = stream.prepare();
      return { track, ssrc, sequence, rtpTime };
    });
  }

  /** Starts sending; a due keyframe is sent before this returns. */
  begin(): void {
    for (const { stream } of this.#tracks.values()) {
      stream.begin();
      if (this.#frozenBy.size > 0) stream.freeze();
    }
  }

  /** Ends playing: the next PLAY continues sequence numbers and RTP time. */
  pause(): void {
    this.#playing = false;
    for (const { stream } of this.#tracks.values()) stream.pause();
  }

  /** Stops sending, including reports, until {@link thaw} for the same reason. */
  freeze(reason: SessionFreeze): void {
    this.#frozenBy.add(reason);
    for (const { stream, transport } of this.#tracks.values()) {
      stream.freeze();
      transport.freeze();
    }
  }

  thaw(reason: SessionFreeze): void {
    if (!this.#frozenBy.delete(reason) || this.#frozenBy.size > 0) return;
    for (const { stream, transport } of this.#tracks.values()) {
      transport.thaw();
      stream.thaw();
    }
  }

  /** The active faults have changed. */
  onFaultsChanged(): void {
    this.#timed.update();
  }

  /** In lock-step: sends the next unit and returns it; undefined when it was not sent (not playing, frozen, dropped). */
  step(): SentUnit | undefined {
    for (const { stream } of this.#tracks.values()) if (stream instanceof VideoStream) return stream.step();
    return undefined;
  }

  /** Idempotent. */
  close(): void {
    this.#playing = false;
    this.#timed.close();
    for (const { stream, transport } of this.#tracks.values()) {
      stream.close();
      transport.close();
    }
    this.#tracks.clear();
  }

  #onFault(name: 'freeze' | 'teardown-silently' | 'end', came: boolean): void {
    const { events } = this.#options;
    if (name === 'freeze') events.onFreeze(came);
    else if (name === 'teardown-silently') {
      if (came) this.freeze(name);
      else this.thaw(name);
    } else if (came) {
      for (const { stream } of this.#tracks.values()) stream.bye();
      events.onEnd();
    }
  }
}

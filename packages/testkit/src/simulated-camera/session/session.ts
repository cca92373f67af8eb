import type { Clock } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import type { TrackKind } from '#simulated-camera/rtsp';
import type { FaultyTransport } from '#simulated-camera/transport';
import type { Stream, StreamStart } from './stream.ts';
import { TimedFaults } from './timed-faults.ts';
import { type SentUnit, VideoStream } from './video-stream.ts';

/** Why a session stands still; it goes on when no reason is left. */
export type SessionFreeze = 'connection' | 'teardown-silently';

/** What a session asks of its connection. */
export interface SessionEvents {
  /** The fault `freeze` came or ended: the whole connection stops or goes on. */
  onFreeze(frozen: boolean): void;
  /** The stream is over: the connection ends. */
  onEnd(): void;
}

/** Input of a {@link MediaSession}. */
export interface SessionOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly faults: FaultBoard;
  readonly events: SessionEvents;
  /** Makes the stream of a track; `onUnit` must be called for each picture. */
  readonly createStream: (kind: TrackKind, transport: FaultyTransport, onUnit: (unit: SentUnit) => void) => Stream;
}

/** What PLAY tells about one track. */
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

  /** What {@link begin} sends first, by track. Call once per PLAY, before it. */
  prepare(): TrackStart[] {
    this.#playing = true;
    const inOrder = [...this.#tracks].sort(([one], [other]) => one - other);
    return inOrder.map(([track, { stream }]) => {
      const { ssrc, sequence, rtpTime } = stream.prepare();
      return { track, ssrc, sequence, rtpTime };
    });
  }

  /** Begins to send; a keyframe that is due is sent before this returns. */
  begin(): void {
    for (const { stream } of this.#tracks.values()) {
      stream.begin();
      if (this.#frozenBy.size > 0) stream.freeze();
    }
  }

  /** Ends the play: the next one continues sequence numbers and RTP time. */
  pause(): void {
    this.#playing = false;
    for (const { stream } of this.#tracks.values()) stream.pause();
  }

  /** Sends nothing at all until {@link thaw} for the same reason; not even reports. */
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

  /** Twice is fine. */
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

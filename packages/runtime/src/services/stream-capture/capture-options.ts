import type { BackoffOptions, Clock, Log } from '@vigia/base';
import type { Source, SourceFormat, SourceOptions, SourceReason, SourceTimeouts, TlsOptions } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { DecodeOptions } from './unit-decoder.ts';
import type { UnitCounters } from './unit-ledger.ts';

/** The state of a camera's stream. `message` is one sentence for people, without credentials. */
export type CaptureState =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** Connected, but no units arrive, or none that can be decoded. */
  | { readonly state: 'stalled'; readonly reason: 'stalled'; readonly message: string }
  | { readonly state: 'waiting'; readonly reason: SourceReason; readonly message: string; readonly retryInMs: number }
  /** Closed; with a reason when the source itself ended. */
  | { readonly state: 'stopped'; readonly reason?: SourceReason; readonly message?: string };

/** {@link UnitCounters}, and counters of connections. */
export interface CaptureCounters extends UnitCounters {
  /** Connections after the first. */
  readonly reconnects: number;
  /** RTP packets that never arrived. */
  readonly lostPackets: number;
}

/** Where pictures go. */
export interface PictureSink {
  /** Takes over the reference. Must return at once. */
  publish(picture: Picture): void;
  /** Whether pictures are wanted now. The capture asks once per unit and once per check. */
  hasDemand(): boolean;
}

/** The stream that a camera sends. */
export interface StreamDescription {
  readonly format: SourceFormat;
  /** Of the last picture, pixels; 0 before the first. */
  readonly width: number;
  readonly height: number;
  readonly intervalMs: number;
  readonly gopMs: number | undefined;
  readonly decoder: string;
}

/** Options of {@link StreamCapture}. */
export interface StreamCaptureOptions {
  /** Any source of the configuration; may contain credentials. */
  readonly url: string;
  readonly transport?: SourceOptions['transport'];
  readonly tls?: TlsOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly sink: PictureSink;
  /** Default: every picture, on one thread. */
  readonly decode?: DecodeOptions;
  /** Whether taps want sound. Default false. */
  readonly audio?: boolean;
  readonly onState: (state: CaptureState) => void;
  readonly timeouts?: Partial<SourceTimeouts>;
  /** Waits between two tries. Default: 0.5 s, doubling to 10 s. */
  readonly backoff?: BackoffOptions;
  /** Most bytes since the newest keyframe that are kept for taps opened later. Default 0. */
  readonly recentBytes?: number;
  /** Opens a source. Default: the real ones. */
  readonly open?: (options: SourceOptions, signal: AbortSignal) => Promise<Source>;
}

import type { Clock } from '@vigia/base';
import type { SourceError } from './source-error.ts';

/** One coded picture with the parameter sets and messages in front of it. */
export interface AccessUnit {
  /** H.264 and H.265: Annex B; others as their decoder takes them. Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** The stream's own clock, milliseconds since an arbitrary origin, without wraps. */
  readonly ptsMs: number;
  /** Monotonic milliseconds at which the bytes that completed it were read. */
  readonly arrivedMs: number;
  /** Decoding can begin here. */
  readonly keyframe: boolean;
  /** Something is missing from it. */
  readonly damaged: boolean;
}

/** One coded piece of sound. */
export interface AudioUnit {
  /** Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** The track's own clock, milliseconds since an arbitrary origin, without wraps. */
  readonly ptsMs: number;
  /** Monotonic milliseconds at which it was read. */
  readonly arrivedMs: number;
}

/** The sound of a source. */
export interface AudioFormat {
  readonly codec: 'pcma' | 'pcmu' | 'aac';
  /** Samples per second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** AAC: its AudioSpecificConfig. */
  readonly config: Buffer | undefined;
}

/** What a source turned out to be. */
export interface SourceFormat {
  /** `rtsp`, `rtsps`, `http`, `https`, `file`, `v4l2`. */
  readonly kind: string;
  /** `tcp`, `udp`; empty where there is no choice. */
  readonly transport: string;
  /** libav's name of the codec: `h264`, `hevc`, `mjpeg` … */
  readonly codec: string;
  /** What the decoder must know before the first unit, when it is not in the stream. */
  readonly extradata: Buffer | undefined;
  /** Size, where the decoder cannot find it in the stream (raw video of a V4L2 device). */
  readonly raw: { readonly width: number; readonly height: number; readonly pixelFormat: number } | undefined;
  readonly audio: AudioFormat | undefined;
  /** Whether its time stamps tell when a unit was made: only then can it be found late. */
  readonly live: boolean;
}

/** A pair of clocks told by the sender: at `ptsMs` of the stream its wall clock stood at `wallMs`. */
export interface ClockReport {
  readonly ptsMs: number;
  /** The sender's wall clock, milliseconds since 1970. Not to be trusted as absolute time. */
  readonly wallMs: number;
  /** Monotonic milliseconds at which the report was read. */
  readonly arrivedMs: number;
}

/** What a source tells while it is open. */
export interface SourceEvents {
  /** Told once, before the first unit. */
  readonly onFormat: (format: SourceFormat) => void;
  /** Every access unit, as soon as it is whole. */
  readonly onUnit: (unit: AccessUnit) => void;
  /** All units of one read were handed on: the last of them is the newest there is. */
  readonly onReadEnd?: () => void;
  readonly onAudio?: (unit: AudioUnit) => void;
  readonly onReport?: (report: ClockReport) => void;
  /** Called once, when a source that was open ended. Not called after `close`. */
  readonly onEnd: (reason: SourceError) => void;
}

/** How long to wait for what, in milliseconds. */
export interface SourceTimeouts {
  readonly connectMs: number;
  readonly responseMs: number;
  /** From the beginning of the stream to the first access unit. */
  readonly firstUnitMs: number;
  /** Without any video while playing. */
  readonly silenceMs: number;
}

/** Sensible for cameras in a building. */
export const DEFAULT_TIMEOUTS: SourceTimeouts = {
  connectMs: 5_000,
  responseMs: 5_000,
  firstUnitMs: 10_000,
  silenceMs: 5_000,
};

/** Who a server must prove to be. */
export interface TlsOptions {
  /** Whether its certificate must be signed by a known authority and name it. */
  readonly verify: boolean;
  /** PEM file of an authority, or of the server's own certificate. */
  readonly ca?: string | undefined;
}

/** What every kind of source is opened with. */
export interface SourceOptions extends SourceEvents {
  /** May hold credentials; they are sent only in answer to a challenge, and never logged. */
  readonly url: string;
  readonly clock: Clock;
  /** How an RTSP camera is to send. Default `tcp`. */
  readonly transport?: 'tcp' | 'udp';
  readonly tls?: TlsOptions;
  /** Whether the sound is wanted too. Default false. */
  readonly audio?: boolean;
  readonly timeouts?: Partial<SourceTimeouts>;
}

/** A stream that is open. */
export interface Source {
  /** RTP packets that never came. */
  readonly lostPackets: number;
  /** Says goodbye and lets go, without waiting. Idempotent. */
  close(): void;
}

import type { Clock } from '@vigia/base';
import type { SourceError } from './source-error.ts';

/** How far decoding must go from a picture until what comes out is whole, when it begins there and not at an IDR picture. */
export interface RecoveryPoint {
  /** Reference pictures in decoding order, this one included, up to the one from which on all are whole. At least 1. */
  readonly references: number;
  /** Further pictures after that one, in the order in which they are shown. */
  readonly pictures: number;
}

/** One coded picture with the parameter sets and other NAL units before it. */
export interface AccessUnit {
  /**
   * H.264 and H.265: Annex B; other codecs: as their decoder expects it. Borrowed: valid until the callback returns.
   */
  readonly data: Buffer;
  /** The stream's own clock, milliseconds since an arbitrary origin, without wraps. */
  readonly ptsMs: number;
  /** When the bytes that completed it were read. Monotonic milliseconds. */
  readonly arrivedMs: number;
  /** Decoding can begin here: at once, or with a `recovery`. */
  readonly keyframe: boolean;
  /** Part of it is missing. */
  readonly damaged: boolean;
  /** Something is missing before it. Default false. */
  readonly afterLoss?: boolean;
  /** Of a keyframe: undefined when it and all units after it are whole (IDR). */
  readonly recovery?: RecoveryPoint | undefined;
  /** Whether other pictures may depend on it. Default true. */
  readonly reference?: boolean;
  /**
   * `unproved`: it is complete if the camera's first marker is right, which the next unit shows. `repeated`: it was not, and
   * this is the same unit, complete.
   */
  readonly doubt?: 'unproved' | 'repeated' | undefined;
  /** Where another process has measured it: how late it came, and how much older it may be (see `Lateness`). */
  readonly measured?: { readonly latenessMs: number; readonly hiddenMs: number } | undefined;
}

/** One coded unit of audio. */
export interface AudioUnit {
  /** Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** The track's own clock, milliseconds since an arbitrary origin, without wraps. */
  readonly ptsMs: number;
  /** When it was read. Monotonic milliseconds. */
  readonly arrivedMs: number;
}

/** The audio format of a source. */
export interface AudioFormat {
  readonly codec: 'pcma' | 'pcmu' | 'aac';
  /** Samples per second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** AAC: its AudioSpecificConfig. */
  readonly config: Buffer | undefined;
}

/** The format of an open source. */
export interface SourceFormat {
  /** `rtsp`, `rtsps`, `http`, `https`, `file`, `v4l2`. */
  readonly kind: string;
  /** `tcp`, `udp`; empty when the kind of source has only one. */
  readonly transport: string;
  /** libav's name of the codec: `h264`, `hevc`, `mjpeg` … */
  readonly codec: string;
  /** Decoder configuration that is not part of the stream. */
  readonly extradata: Buffer | undefined;
  /** Size and format of raw video of a V4L2 device, which the decoder cannot find in the stream. */
  readonly raw: { readonly width: number; readonly height: number; readonly pixelFormat: number } | undefined;
  readonly audio: AudioFormat | undefined;
  /** Whether its time stamps show when a unit was captured. Lateness is measured only then. */
  readonly live: boolean;
}

/** A clock pair from the sender: at `ptsMs` of the stream, its wall clock showed `wallMs`. */
export interface ClockReport {
  readonly ptsMs: number;
  /** The sender's wall clock, milliseconds since 1970. It may be wrong. */
  readonly wallMs: number;
  /** When the report was read. Monotonic milliseconds. */
  readonly arrivedMs: number;
  /** The shortest time in which the sender has answered a request, milliseconds; undefined: unknown. */
  readonly roundTripMs: number | undefined;
}

/** Events of an open source. */
export interface SourceEvents {
  /** Called once, before the first unit. */
  readonly onFormat: (format: SourceFormat) => void;
  /** Called for every access unit as soon as it is complete. */
  readonly onUnit: (unit: AccessUnit) => void;
  /** All units of one read have been delivered; the last of them is the newest. */
  readonly onReadEnd?: () => void;
  readonly onAudio?: (unit: AudioUnit) => void;
  readonly onReport?: (report: ClockReport) => void;
  /** Called once, when an open source ends. Not called after `close`. */
  readonly onEnd: (reason: SourceError) => void;
}

/** Timeouts, milliseconds. */
export interface SourceTimeouts {
  readonly connectMs: number;
  readonly responseMs: number;
  /** From the start of the stream to the first access unit. */
  readonly firstUnitMs: number;
  /** Without any video while playing. */
  readonly silenceMs: number;
}

/** Defaults that suit cameras on a local network. */
export const DEFAULT_TIMEOUTS: SourceTimeouts = {
  connectMs: 5_000,
  responseMs: 5_000,
  firstUnitMs: 10_000,
  silenceMs: 5_000,
};

/** How to verify the server's certificate. */
export interface TlsOptions {
  /** Whether a known authority must have signed the certificate for this host name. */
  readonly verify: boolean;
  /** PEM file of an authority, or of the server's own certificate. */
  readonly ca?: string | undefined;
}

/** Options of every kind of source. */
export interface SourceOptions extends SourceEvents {
  /** May contain credentials. They are sent only in answer to a challenge, and never logged. */
  readonly url: string;
  readonly clock: Clock;
  /** The transport that an RTSP camera should use. Default `tcp`. */
  readonly transport?: 'tcp' | 'udp';
  readonly tls?: TlsOptions;
  /** Whether to play the audio too. Default false. */
  readonly audio?: boolean;
  readonly timeouts?: Partial<SourceTimeouts>;
}

/** An open stream. */
export interface Source {
  /** RTP packets that never arrived. */
  readonly lostPackets: number;
  /** Of a source that others use too: nothing usable comes, so that another connection should be made. */
  abandon?(why: string): void;
  /** Of a source that others use too: whether pictures are wanted. Until the first call they are; if not, units may come in bunches. */
  demand?(wanted: boolean): void;
  /** Closes the stream without waiting. Idempotent. */
  close(): void;
}

// RTP stamps of a live video and the times of capture that belong to them.

/** Units of an RTP stamp in a millisecond: 90 kHz. */
const RTP_PER_MS = 90;
const RTP_LIMIT = 2 ** 32;
/** Longest message about a time, characters. */
const MESSAGE_LIMIT = 256;

/** The picture with the stamp `rtp` was captured at `capturedMs`, milliseconds since 1970 on the server. */
export interface PictureTime {
  readonly rtp: number;
  readonly capturedMs: number;
  /** False: it may have been captured earlier. */
  readonly certain: boolean;
}

/** `a - b` in units of 90 kHz. Stamps wrap every 13 h: of the two differences this is the one nearer to 0. */
export function stampDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** When the picture with a stamp was captured, milliseconds since 1970 on the server. */
export function capturedMsOf(rtp: number, known: Pick<PictureTime, 'rtp' | 'capturedMs'>): number {
  return known.capturedMs + stampDifference(rtp, known.rtp) / RTP_PER_MS;
}

/** Reads a message of the data channel `vigia.times`; undefined for anything that breaks a rule. Never throws. */
export function readPictureTime(message: unknown): PictureTime | undefined {
  if (typeof message !== 'string' || message.length > MESSAGE_LIMIT) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { rtp, captured_at, age_certain } = value as Record<string, unknown>;
  const capturedMs = typeof captured_at === 'string' ? Date.parse(captured_at) : Number.NaN;
  return isStamp(rtp) && Number.isFinite(capturedMs) ? { rtp, capturedMs, certain: age_certain !== false } : undefined;
}

/** Reads the header `X-Vigia-Rtp-Origin`, `RTP@MONOTONIC_US`: the stamp; undefined when it breaks a rule. */
export function readOrigin(header: string | null): number | undefined {
  const rtp = Number(/^(\d{1,10})@\d{1,20}$/.exec(header ?? '')?.[1] ?? Number.NaN);
  return isStamp(rtp) ? rtp : undefined;
}

function isStamp(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < RTP_LIMIT;
}

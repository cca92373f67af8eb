// The binary messages of `GET /api/v1/stream`: uint32 (big endian) length of a JSON header, the header, a JPEG.

/** Longest JSON header, bytes. */
export const HEADER_LIMIT = 4096;
/** Longest JPEG, bytes: a 320 pixels wide picture has 10 to 30 KiB. */
export const JPEG_LIMIT = 1024 * 1024;
const LENGTH_BYTES = 4;

/** What is known of a picture. */
export interface PictureHeader {
  readonly camera: string;
  /** Of the frame; null: no consumer analysed it, so no result belongs to it. */
  readonly seq: number | null;
  /** RFC 3339, UTC, as the server sent it: compared with that of results, character by character. */
  readonly captured_at: string;
  /** From capture to sending, milliseconds; the least that it can be, unless `age_certain`. */
  readonly age_ms: number;
  readonly age_certain: boolean;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** A picture as received. `jpeg` is a view into the message. */
export interface PictureMessage {
  readonly header: PictureHeader;
  readonly jpeg: Uint8Array;
}

/** Reads one binary message; undefined for anything that breaks a rule or a bound. Never throws. */
export function readPictureMessage(message: ArrayBuffer): PictureMessage | undefined {
  if (message.byteLength < LENGTH_BYTES) return undefined;
  const length = new DataView(message).getUint32(0);
  const jpegBytes = message.byteLength - LENGTH_BYTES - length;
  if (length > HEADER_LIMIT || jpegBytes < 4 || jpegBytes > JPEG_LIMIT) return undefined;
  const header = headerOf(new Uint8Array(message, LENGTH_BYTES, length));
  const jpeg = new Uint8Array(message, LENGTH_BYTES + length);
  // A JPEG begins with the marker SOI. The browser decodes the rest in its sandbox, or shows nothing.
  if (header === undefined || jpeg[0] !== 0xff || jpeg[1] !== 0xd8) return undefined;
  return { header, jpeg };
}

function headerOf(bytes: Uint8Array): PictureHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  return isHeader(value) ? value : undefined;
}

function isHeader(value: unknown): value is PictureHeader {
  if (typeof value !== 'object' || value === null) return false;
  const { type, camera, seq, captured_at, age_ms, age_certain, width, height } = value as Record<string, unknown>;
  return (
    type === 'picture' &&
    typeof camera === 'string' &&
    (seq === null || isWhole(seq)) &&
    typeof captured_at === 'string' &&
    Number.isFinite(Date.parse(captured_at)) &&
    typeof age_ms === 'number' &&
    age_ms >= 0 &&
    typeof age_certain === 'boolean' &&
    isWhole(width) &&
    isWhole(height)
  );
}

function isWhole(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

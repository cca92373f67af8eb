import { Encoder } from '@msgpack/msgpack';
import { LENGTH_BYTES } from '@vigia/base';
import { packedBytes, type WorkerFrame } from '@vigia/contracts';
import type { Flight, RenderedPicture } from '#core/consumer';
import type { RenditionSpec } from '#core/media';

/** A frame's message without its pixels. */
export type FrameHeader = Omit<WorkerFrame, 'data' | 'ref'>;

/** `data` as a string of four bytes, then the type byte of binary data with a 32-bit length. */
const DATA_KEY: readonly number[] = [0xa4, ...Buffer.from('data', 'latin1'), 0xc6];
const BIN_LENGTH_BYTES = 4;

const encoder = new Encoder();

/** The fields that every frame has, with its age as of now. */
export function frameHeader(
  { seq, stamps }: Pick<Flight, 'seq' | 'stamps'>,
  camera: string,
  { width, height }: Pick<RenditionSpec, 'width' | 'height'>,
  format: FrameHeader['format'],
  nowMs: number,
): FrameHeader {
  return {
    type: 'frame',
    camera_id: camera,
    seq,
    captured_at: new Date(stamps.capturedWallMs).toISOString(),
    captured_monotonic_ns: Math.round(stamps.capturedMs * 1e6).toString(),
    age_ms: Math.round((nowMs - stamps.capturedMs) * 1000) / 1000,
    age_certain: stamps.hiddenMs === 0,
    pts_us: stamps.ptsUs,
    width,
    height,
    format,
  };
}

/** Where a frame's pixels are in shared memory. */
export function frameReference({ reference, metadata }: RenderedPicture, spec: RenditionSpec): WorkerFrame['ref'] {
  const { epoch = '', generation = '', slot = 0, offset = 0, strides = [] } = metadata;
  const byteLength = packedBytes(spec.format, spec.width, spec.height);
  return { path: reference, epoch, slot, generation, offset, byte_length: byteLength, strides };
}

/**
 * Encodes what precedes a frame's pixels: the length of the message, all its fields, and the head of `data`. The caller
 * writes the pixels behind it without copying them.
 *
 * @param dataBytes How many bytes of pixels follow.
 */
export function frameHead(header: FrameHeader, dataBytes: number): Buffer {
  const fields = encoder.encodeSharedRef(header);
  const out = Buffer.allocUnsafe(LENGTH_BYTES + fields.byteLength + DATA_KEY.length + BIN_LENGTH_BYTES);
  out.writeUInt32BE(out.byteLength - LENGTH_BYTES + dataBytes, 0);
  out.set(fields, LENGTH_BYTES);
  // The count of a map of up to 15 entries is in its first byte: one entry more than what was encoded.
  out[LENGTH_BYTES] = (fields[0] ?? 0) + 1;
  out.set(DATA_KEY, LENGTH_BYTES + fields.byteLength);
  out.writeUInt32BE(dataBytes, out.byteLength - BIN_LENGTH_BYTES);
  return out;
}

/** Encodes a whole message: a 4-byte big-endian length and a MessagePack map. */
export function encodeMessage(message: object): Buffer {
  const body = encoder.encodeSharedRef(message);
  const out = Buffer.allocUnsafe(LENGTH_BYTES + body.byteLength);
  out.writeUInt32BE(body.byteLength, 0);
  out.set(body, LENGTH_BYTES);
  return out;
}

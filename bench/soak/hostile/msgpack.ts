/** Bytes in place of a value: anything that the encoder would not write. */
export class Raw {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Encodes a value as MessagePack, with {@link Raw} bytes inside. */
export function pack(value: unknown): Buffer {
  if (value instanceof Raw) return value.bytes;
  if (value === null || value === undefined) return Buffer.from([0xc0]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === 'number') return packNumber(value);
  if (typeof value === 'string') return withLength(0xdb, Buffer.from(value));
  if (Buffer.isBuffer(value)) return withLength(0xc6, value);
  if (Array.isArray(value)) return Buffer.concat([counted(0xdd, value.length), ...value.map(pack)]);
  const entries = Object.entries(value as object);
  return Buffer.concat([counted(0xdf, entries.length), ...entries.flatMap(([key, one]) => [pack(key), pack(one)])]);
}

function packNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return counted(0xce, value);
  const out = Buffer.alloc(9);
  out[0] = 0xcb;
  out.writeDoubleBE(value, 1);
  return out;
}

function counted(type: number, count: number): Buffer {
  const out = Buffer.alloc(5);
  out[0] = type;
  out.writeUInt32BE(count, 1);
  return out;
}

function withLength(type: number, bytes: Buffer): Buffer {
  return Buffer.concat([counted(type, bytes.byteLength), bytes]);
}

/** A whole message: its length, then the value. */
export function framed(value: unknown): Buffer {
  const body = pack(value);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.byteLength);
  return Buffer.concat([head, body]);
}

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  ATTACH_LIMIT_BYTES,
  attachRequestSchema,
  attachResponseSchema,
  HEADER,
  READER_PAGE,
  SEAT,
  SEATS_HEADER,
  SLOT,
  seatTableBytes,
} from './index.ts';

interface MessageVector {
  readonly name: string;
  readonly what: string;
  readonly kind: 'attach_request' | 'attach_answer';
  readonly accepted: boolean;
  readonly json: Record<string, unknown>;
  readonly bytes_hex: string;
}

interface LayoutVector {
  readonly name: string;
  readonly what: string;
  readonly kind: keyof typeof LAYOUTS;
  readonly bytes_hex: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const LAYOUTS = {
  seat_table_header: SEATS_HEADER,
  seat: SEAT,
  reader_page: READER_PAGE,
  segment_header: HEADER,
  segment_slot: SLOT,
} as const satisfies Record<string, Readonly<Record<string, number>>>;

/** Signed fields: times that may be negative. */
const SIGNED = new Set(['captured_wall_us', 'pts_us']);

const vectors: readonly (MessageVector | LayoutVector)[] = JSON.parse(
  readFileSync(new URL('../../../docs/protocol/vectors/frame-readers.json', import.meta.url), 'utf8'),
);
const messages = vectors.filter((v): v is MessageVector => 'json' in v);
const layouts = vectors.filter((v): v is LayoutVector => 'fields' in v);

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/**
 * Reads a field in the form of the vector's value: text is ASCII, a string of digits is 64 bits, a number is 32 bits.
 */
function decode(bytes: Buffer, name: string, at: number, as: unknown): unknown {
  if (Array.isArray(as)) return as.map((_, i) => [bytes.readUInt32LE(at + 8 * i), bytes.readUInt32LE(at + 8 * i + 4)]);
  if (typeof as === 'number') return bytes.readUInt32LE(at);
  if (name === 'magic') return bytes.toString('latin1', at, at + 8);
  return String(SIGNED.has(name) ? bytes.readBigInt64LE(at) : bytes.readBigUInt64LE(at));
}

describe('the golden vectors of frame readers', () => {
  test('there are some of each kind, each of its own name and with a sentence', () => {
    expect(new Set(vectors.map((v) => v.kind))).toEqual(
      new Set(['attach_request', 'attach_answer', ...Object.keys(LAYOUTS)]),
    );
    expect(new Set(vectors.map((v) => v.name)).size).toBe(vectors.length);
    expect(vectors.filter((v) => !/^[A-Z].*\.$/.test(v.what))).toEqual([]);
  });

  test.each(messages.map((v) => [v.name, v] as const))(
    '%s: bytes are a length and exactly this JSON, and the schema’s verdict is as expected',
    (_name, { kind, accepted, json, bytes_hex }) => {
      const bytes = Buffer.from(bytes_hex, 'hex');
      expect(bytes.readUInt32BE(0)).toBe(bytes.byteLength - 4);
      expect(bytes.byteLength - 4).toBeLessThanOrEqual(ATTACH_LIMIT_BYTES);
      expect(JSON.parse(bytes.toString('utf8', 4))).toEqual(json);
      const schema = kind === 'attach_request' ? attachRequestSchema : attachResponseSchema;
      const result = schema.safeParse(json);
      expect(result.success).toBe(accepted);
      // Unknown members are dropped.
      if (accepted) expect(json).toMatchObject(result.data ?? {});
    },
  );

  test.each(layouts.map((v) => [v.name, v] as const))(
    '%s: every field of the layout stands where its offset says',
    (_name, { kind, bytes_hex, fields }) => {
      const bytes = Buffer.from(bytes_hex, 'hex');
      const decoded = Object.entries(LAYOUTS[kind]).map(([key, at]) => {
        const name = snakeCase(key);
        return [name, decode(bytes, name, at, fields[name])];
      });
      expect(Object.fromEntries(decoded)).toEqual(fields);
    },
  );
});

test.each([
  [1, 8192],
  [64, 8192],
  [65, 12_288],
  [256, 20_480],
])('a table of %i seats has %i bytes', (seats, bytes) => {
  expect(seatTableBytes(seats)).toBe(bytes);
});

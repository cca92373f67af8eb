import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  describeRequestSchema,
  describeResponseSchema,
  grantResponseSchema,
  healthRequestSchema,
  healthResponseSchema,
  inferRequestSchema,
  inferResponseSchema,
  unwantRequestSchema,
  wantRequestSchema,
} from './index.ts';

interface Vector {
  readonly name: string;
  readonly direction: string;
  readonly json: Record<string, unknown>;
  readonly bytes_hex: string;
}

const file = JSON.parse(
  readFileSync(new URL('../../../docs/protocol/vectors/container-messages.json', import.meta.url), 'utf8'),
);
const vectors: readonly Vector[] = Array.isArray(file) ? file : file.vectors;

/** The schema of a message, chosen as a program on either side would choose it. */
function schemaOf({ json }: Vector): { parse(value: unknown): unknown } {
  if ('grant' in json && !('op' in json) && !('frame_metadata' in json)) return grantResponseSchema;
  if ('protocol' in json) return describeResponseSchema;
  if ('state' in json) return healthResponseSchema;
  if ('detections' in json) return inferResponseSchema;
  switch (json['op']) {
    case 'want':
      return wantRequestSchema;
    case 'unwant':
      return unwantRequestSchema;
    case 'describe':
      return describeRequestSchema;
    case 'health':
      return healthRequestSchema;
    default:
      return inferRequestSchema;
  }
}

describe('the golden vectors of the container protocol', () => {
  test('there are some, each of its own name', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(12);
    expect(new Set(vectors.map((v) => v.name)).size).toBe(vectors.length);
  });

  test.each(vectors.map((v) => [v.name, v] as const))(
    '%s: bytes are a length and exactly this JSON, which the schema accepts',
    (_name, vector) => {
      const bytes = Buffer.from(vector.bytes_hex, 'hex');
      expect(bytes.readUInt32BE(0)).toBe(bytes.byteLength - 4);
      expect(JSON.parse(bytes.toString('utf8', 4))).toEqual(vector.json);
      expect(schemaOf(vector).parse(vector.json)).toEqual(vector.json);
    },
  );
});

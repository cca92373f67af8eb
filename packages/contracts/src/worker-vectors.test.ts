import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromWorkerSchema, workerFrameSchema } from './worker-protocol.ts';

interface Vector {
  readonly name: string;
  readonly what: string;
  readonly direction: 'from_worker' | 'to_worker';
  readonly json: Record<string, unknown>;
  readonly bytes_hex: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/protocol/vectors/worker-messages.json', import.meta.url), 'utf8'),
) as readonly Vector[];

/** `data` is the only field with bytes in the host's messages. */
function revive(json: Record<string, unknown>): Record<string, unknown> {
  const data = json['data'];
  const hex = typeof data === 'object' && data !== null && '$bytes' in data ? data.$bytes : undefined;
  return typeof hex === 'string' ? { ...json, data: Uint8Array.from(Buffer.from(hex, 'hex')) } : json;
}

const from = vectors.filter(({ direction }) => direction === 'from_worker');
const to = vectors.filter(({ direction }) => direction === 'to_worker');

// packages/worker-sdk tests that the bytes encode these messages: MessagePack is implemented there.
describe('the golden vectors of the worker protocol', () => {
  test('each has its own name, and every kind of message is there', () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
    expect(new Set(from.map(({ json }) => json['type']))).toEqual(new Set(['ready', 'result', 'log', 'heartbeat']));
    expect(new Set(to.map(({ json }) => json['type']))).toEqual(new Set(['frame', 'stop']));
    expect(from.length + to.length).toBe(vectors.length);
  });

  test.each(vectors.map((v) => [v.name, v] as const))('%s: the length is that of the bytes', (_name, vector) => {
    const bytes = Buffer.from(vector.bytes_hex, 'hex');
    expect(bytes.readUInt32BE(0)).toBe(bytes.byteLength - 4);
  });

  test.each(from.map((v) => [v.name, v] as const))('%s: a message of a worker', (_name, { json }) => {
    const parsed = fromWorkerSchema.parse(json);
    const { error } = json;
    const coded = typeof error === 'object' && error !== null ? { error: { code: 'worker_error', ...error } } : {};
    expect(parsed).toEqual({ ...json, ...coded });
  });

  test.each(to.filter(({ json }) => json['type'] === 'frame').map((v) => [v.name, v] as const))(
    '%s: a frame',
    (_name, { json }) => {
      const message = revive(json);
      expect(workerFrameSchema.parse(message)).toEqual(message);
      expect('data' in message).not.toBe('ref' in message);
    },
  );
});

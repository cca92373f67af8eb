import { encodeFrame } from '@vigia/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageAssembler } from './message-assembler.ts';

test('any messages, cut anywhere, come out whole and in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (messages, sizes) => {
        const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));
        const assembler = new MessageAssembler(300);
        const out: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.byteLength; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          // Copied: each is valid only until the next one.
          for (const message of assembler.push(bytes.subarray(at, at + size))) out.push(Buffer.from(message));
          at += size;
        }
        expect(out).toEqual(messages.map((message) => Buffer.from(message)));
      },
    ),
  );
});

test('large ones use the same memory again', () => {
  const assembler = new MessageAssembler(1_000_000);
  const memory = [1, 2, 3].map((value) => {
    const [message] = assembler.push(encodeFrame(Buffer.alloc(200_000, value)));
    expect(message?.every((byte) => byte === value)).toBe(true);
    return message?.buffer;
  });
  expect(new Set(memory).size).toBe(1);
});

test('what is too long is refused before its bytes are held', () => {
  const assembler = new MessageAssembler(100);
  expect(() => [...assembler.push(Buffer.from([0, 0, 0, 101]))]).toThrow(
    /a message of 101 bytes was announced, at most 100/,
  );
});

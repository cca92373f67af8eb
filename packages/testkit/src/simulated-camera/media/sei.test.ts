import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeRbsp, splitAnnexB, toAnnexB, unescapeRbsp } from './nal.ts';
import { readSendTime, SEND_TIME_UUID, sendTimeSei } from './sei.ts';

// Zeros and small values trigger emulation prevention.
const hostileBytes = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 2, 3, 4), fc.integer({ min: 0, max: 255 })), {
  maxLength: 64,
});

describe('emulation prevention', () => {
  it('comes back the same, and leaves no start code inside', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        const escaped = escapeRbsp(Buffer.from(bytes));
        expect(unescapeRbsp(escaped)).toEqual(Buffer.from(bytes));
        for (const forbidden of ['000000', '000001', '000002']) {
          expect(escaped.includes(Buffer.from(forbidden, 'hex'))).toBe(false);
        }
      }),
    );
  });

  it('knows the textbook cases', () => {
    expect(escapeRbsp(Buffer.from('00000000000001', 'hex')).toString('hex')).toBe('00000300000300000301');
    expect(escapeRbsp(Buffer.from('000003', 'hex')).toString('hex')).toBe('00000303');
    expect(escapeRbsp(Buffer.from('000004', 'hex')).toString('hex')).toBe('000004');
  });
});

describe('splitAnnexB', () => {
  it('gives back the NAL units that were joined', () => {
    const nal = fc
      .array(fc.integer({ min: 4, max: 255 }), { minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(nal, { maxLength: 6 }), (nals) => {
        expect(splitAnnexB(toAnnexB(nals))).toEqual(nals);
      }),
    );
  });

  it('takes 3-byte start codes and trailing zeros', () => {
    expect(splitAnnexB(Buffer.from('ff000001670000000001680000', 'hex')).map((nal) => nal.toString('hex'))).toEqual([
      '67',
      '68',
    ]);
  });
});

describe('send time', () => {
  const slice = Buffer.from([0x65, 1, 2, 3]);

  it('survives as any 64-bit number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 256n, 3n << 32n)), (ns) => {
        expect(readSendTime(toAnnexB([sendTimeSei(ns), slice]))).toBe(ns);
      }),
    );
  });

  it('is the same in H.265, in a prefix SEI', () => {
    const slice265 = Buffer.from([0x26, 1, 2, 3]);
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (ns) => {
        expect(readSendTime(toAnnexB([sendTimeSei(ns, 'h265'), slice265]))).toBe(ns);
      }),
    );
    expect(sendTimeSei(0n, 'h265').subarray(0, 2).toString('hex')).toBe('4e01');
  });

  it('is found behind other messages, in the same and in another NAL unit', () => {
    const foreign = Buffer.concat([Buffer.from([6, 5, 0xff, 1]), Buffer.alloc(256, 7), Buffer.from([0x80])]);
    const both = Buffer.concat([Buffer.from([6, 1, 2, 9, 9]), sendTimeSei(2n ** 63n + 77n).subarray(1)]);
    expect(readSendTime(toAnnexB([foreign, sendTimeSei(5n), slice]))).toBe(5n);
    expect(readSendTime(toAnnexB([both, slice]))).toBe(2n ** 63n + 77n);
  });

  it('is undefined without one, for any bytes', () => {
    expect(readSendTime(toAnnexB([slice]))).toBeUndefined();
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        expect(readSendTime(toAnnexB([Buffer.from([6, ...bytes])]))).toBeUndefined();
      }),
    );
    const cut = sendTimeSei(2n ** 63n).subarray(0, 22);
    expect(readSendTime(toAnnexB([cut]))).toBeUndefined();
  });

  it('has the documented identifier', () => {
    expect(sendTimeSei(1n).subarray(3, 19).toString('hex')).toBe(SEND_TIME_UUID);
  });
});

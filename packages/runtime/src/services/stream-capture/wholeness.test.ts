import { describe, expect, test } from 'vitest';
import type { AccessUnit } from '#core/media';
import { type UnitState, Wholeness } from './wholeness.ts';

const CONCEALED = 4;
const MISSING_REFERENCE = 2;
const IDR = { keyframe: true };
const P = {};
const UNREFERRED = { reference: false };
const LOST = { damaged: true };
const refresh = (references: number, pictures = 0): Partial<AccessUnit> => ({
  keyframe: true,
  recovery: { references, pictures },
});

/** A stream whose decoder gives each picture at once, unless the test holds it back. */
class Stream {
  restarts = 0;
  readonly subject: Wholeness;
  readonly #inDecoder = new Map<number, UnitState>();
  #id = 0;

  constructor(onLoss: 'wait' | 'conceal' = 'wait', mode: 'full' | 'keyframes' = 'full') {
    this.subject = new Wholeness({ mode, onLoss, restart: () => (this.restarts += 1) });
  }

  /** A unit comes. Returns its id, or why it is skipped. */
  takes(unit: Partial<AccessUnit>, wanted = true): number | string {
    const whole: AccessUnit = {
      data: Buffer.alloc(1),
      ptsMs: 0,
      arrivedMs: 0,
      keyframe: false,
      damaged: false,
      ...unit,
    };
    const skipped = this.subject.whySkipped(whole, wanted);
    if (skipped) return skipped;
    this.#id += 1;
    this.subject.wentIn(this.#id, whole.reference !== false);
    const { tainted, recovery } = this.subject;
    this.#inDecoder.set(this.#id, { tainted, recovery });
    return this.#id;
  }

  /** The picture of a unit comes out. Returns whether it is whole. */
  gives(id: number | string, flags = 0): boolean {
    const unit = this.#inDecoder.get(Number(id)) as UnitState;
    this.#inDecoder.delete(Number(id));
    return this.subject.cameOut(flags, Number(id), unit, this.#inDecoder);
  }

  /** What becomes of units, each of which is decoded at once. */
  play(...units: Partial<AccessUnit>[]): (boolean | string)[] {
    return units.map((unit) => {
      const taken = this.takes(unit);
      return typeof taken === 'string' ? taken : this.gives(taken);
    });
  }
}

test('a stream begins with an IDR picture; a loss ends it until the next one', () => {
  expect(new Stream().play(P, IDR, P, LOST, P, IDR, P, { afterLoss: true }, P, { ...IDR, afterLoss: true }, P)).toEqual(
    ['undecodable', true, true, 'undecodable', 'undecodable', true, true, 'undecodable', 'undecodable', true, true],
  );
  expect(new Stream('conceal').play(P, IDR, LOST, P, { ...IDR, ...LOST }, IDR, P)).toEqual([
    'undecodable',
    true,
    false,
    false,
    false,
    true,
    true,
  ]);
});

test('from a recovery point on, reference pictures are counted, the first one included', () => {
  expect(new Stream().play(refresh(3), P, UNREFERRED, P, UNREFERRED, P)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
  expect(new Stream().play(refresh(1), P)).toEqual([true, true]);
});

test('or pictures that come out after it', () => {
  expect(new Stream().play(refresh(1, 2), P, P, P)).toEqual([false, false, true, true]);
});

test('what comes out before the recovered picture is not whole, what comes out after it is', () => {
  const stream = new Stream();
  const ids = [refresh(1), P, P].map((unit) => stream.takes(unit));
  expect([stream.gives(ids[1] ?? 0), stream.gives(ids[0] ?? 0), stream.gives(ids[2] ?? 0)]).toEqual([
    false,
    true,
    true,
  ]);
});

test('a loss on the way ends it; the next recovery point begins again', () => {
  expect(new Stream().play(refresh(2), LOST, P, P, refresh(2), P, P)).toEqual([
    false,
    'undecodable',
    'undecodable',
    'undecodable',
    false,
    true,
    true,
  ]);
  expect(new Stream('conceal').play(IDR, LOST, refresh(3), P, LOST, P, P, refresh(2), P)).toEqual([
    true,
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

test('pictures that were decoded before a loss are whole when their recovery has come to its end', () => {
  const stream = new Stream('conceal');
  const ids = [IDR, LOST, refresh(1), LOST].map((unit) => stream.takes(unit));
  expect(ids.map((id) => stream.gives(id))).toEqual([true, false, true, false]);
});

test('a further recovery point on the way does not make it longer, one that is nearer makes it shorter', () => {
  expect(new Stream().play(refresh(3), refresh(3), P, P)).toEqual([false, false, true, true]);
  expect(new Stream().play(refresh(9), refresh(2), P, P)).toEqual([false, false, true, true]);
});

test('a recovery point in a stream that is whole changes nothing', () => {
  const stream = new Stream();
  expect(stream.play(IDR, refresh(5), P)).toEqual([true, true, true]);
  expect(stream.restarts).toBe(0);
});

describe('the decoder had to guess', () => {
  test('a loss, also for what is in the decoder behind it', () => {
    const stream = new Stream('conceal');
    const ids = [IDR, P, P].map((unit) => stream.takes(unit));
    expect([stream.gives(ids[0] ?? 0), stream.gives(ids[1] ?? 0, CONCEALED), stream.gives(ids[2] ?? 0)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(stream.play(P, IDR)).toEqual([false, true]);
  });

  test('on the way from a recovery point: it ends, and decoding goes on for the next one', () => {
    const stream = new Stream();
    const [first, second] = [stream.takes(refresh(2)), stream.takes(P)];
    expect([stream.gives(first, CONCEALED), stream.gives(second)]).toEqual([false, false]);
    expect(stream.play(P, refresh(2), P)).toEqual([false, false, true]);
  });

  test('missing references are expected there, and nowhere else', () => {
    const stream = new Stream();
    expect(stream.gives(stream.takes(refresh(2)), MISSING_REFERENCE)).toBe(false);
    expect(stream.play(P, P)).toEqual([true, true]);
    expect(stream.gives(stream.takes(P), MISSING_REFERENCE)).toBe(false);
    expect(stream.play(P)).toEqual(['undecodable']);
  });
});

test('a unit that the decoder refuses is a loss; at a recovery point decoding goes on', () => {
  const stream = new Stream();
  stream.takes(IDR);
  stream.takes(P);
  stream.subject.refused();
  expect(stream.play(P)).toEqual(['undecodable']);
  const other = new Stream();
  other.takes(refresh(2));
  other.subject.refused();
  expect(other.play(P, P, refresh(2), P)).toEqual([false, false, false, true]);
});

test('a picture that the decoder swallows is not waited for', () => {
  const stream = new Stream();
  const id = stream.takes(refresh(1));
  stream.subject.recovery?.swallowed(Number(id));
  expect(stream.play(UNREFERRED, P, P)).toEqual([false, true, true]);
});

test('a unit that is repeated, complete, begins again', () => {
  const stream = new Stream();
  // Otherwise its reference picture would count twice.
  expect(stream.play(refresh(3), { ...refresh(3), doubt: 'repeated' }, P, P)).toEqual([false, false, false, true]);
});

test('the decoder forgets what was before a gap: at the loss, and at a recovery point', () => {
  const stream = new Stream();
  stream.play(IDR, P, LOST, P);
  expect(stream.restarts).toBe(1);
  stream.play(refresh(2));
  expect([stream.restarts, stream.subject.recovery?.needsReference]).toEqual([2, true]);
  const whole = new Stream();
  whole.play(IDR, P);
  expect(whole.takes(P, false)).toBe('noDemand');
  whole.play(IDR);
  expect(whole.restarts).toBe(0);
});

test('a recovery does not survive a pause: pictures are missing in it', () => {
  const stream = new Stream();
  expect(stream.play(refresh(4), P, P)).toEqual([false, false, false]);
  expect(stream.takes(P, false)).toBe('noDemand');
  const id = stream.takes(refresh(4));
  expect(stream.subject.recovery?.needsReference).toBe(true);
  expect([stream.gives(id), ...stream.play(P, P, P)]).toEqual([false, false, false, true]);
});

test('a picture of before a pause that comes out in it is whole, but not what comes after it', () => {
  const stream = new Stream();
  const id = stream.takes(refresh(1));
  expect(stream.takes(P, false)).toBe('noDemand');
  expect(stream.gives(id)).toBe(true);
  expect(stream.play(P, refresh(2), P)).toEqual(['undecodable', false, true]);
});

test('keyframes only: recovery points that need other pictures are no keyframes', () => {
  const stream = new Stream('wait', 'keyframes');
  expect(stream.play(refresh(2), refresh(1), P, refresh(1), IDR)).toEqual(['noDemand', true, 'noDemand', true, true]);
});

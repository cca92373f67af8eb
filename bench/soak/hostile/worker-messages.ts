import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';
import { framed, pack, Raw } from './msgpack.ts';

type Fields = Readonly<Record<string, unknown>>;
type Maker = (random: Random, foreign: ForeignText, seq: number) => Buffer;

const box = (random: Random): unknown =>
  random.of([[0, 0, 1, 1], [0.2, 0.2, 0.4, 0.4], [0, 0, 1], [null, 0, 1, 1], [0.5, 0.5, 0.1, 0.1], 'all']);

function detection(random: Random, foreign: ForeignText): Fields {
  const odd = random.once(3);
  return {
    class_id: odd ? random.of([0, -1, 0.5, 2 ** 31, '0']) : 0,
    class_name: foreign.line().slice(0, 300),
    confidence: odd ? random.of([0.5, -1, 2, Number.NaN, Number.POSITIVE_INFINITY]) : 0.5,
    bbox: odd ? box(random) : [0, 0, 1, 1],
    ...(random.once(4) ? { keypoints: [{ name: foreign.line().slice(0, 100), x: 0.5, y: 0.5, confidence: 1 }] } : {}),
    ...(random.once(8) ? { mask: { width: random.of([2, 0, 1e9]), height: 2, counts: [random.of([4, 3, -1])] } } : {}),
  };
}

function result(seq: number, more: Fields): Buffer {
  return framed({ type: 'result', seq, ...more });
}

const MAKERS: Readonly<Record<string, Maker>> = {
  'results with foreign texts': (random, foreign, seq) =>
    result(seq, { detections: Array.from({ length: random.of([1, 1, 5, 40]) }, () => detection(random, foreign)) }),
  'results with data': (random, foreign, seq) =>
    result(seq, {
      data: random.of<unknown>([
        foreign.next(),
        random.json(4),
        { [foreign.line().slice(0, 200)]: foreign.next() },
        Buffer.from('x'),
        Number.NaN,
      ]),
    }),
  errors: (random, foreign, seq) =>
    result(seq, {
      error: random.of<unknown>([
        foreign.next().slice(0, 4_000),
        { code: foreign.line().slice(0, 64), message: foreign.next().slice(0, 4_000) },
        7,
        {},
      ]),
    }),
  'lines for the log': (random, foreign) =>
    framed({ type: 'log', level: random.of(['info', 'warn', 'error', 'debug', 'fatal']), message: foreign.next() }),
  'other numbers': (random, _foreign, seq) => result(seq + random.of([1, -1, 1_000, 0.5, 2 ** 60]), {}),
  'ready again': (random, foreign) =>
    framed({
      type: 'ready',
      protocol: random.of([1, 2, -1, 'x']),
      name: foreign.line().slice(0, 200),
      wants: random.of<unknown>([undefined, { width: 8192, height: 8192 }, { width: 2 }, random.json(2)]),
    }),
  'types of any kind': (random, foreign) =>
    framed({ type: random.of<unknown>([foreign.line(), '__proto__', 7, null, [], 'constructor']), seq: 1 }),
  'keys of any kind': (random, foreign, seq) =>
    framed({ type: 'result', seq, [foreign.line().slice(0, 500)]: random.json(2), __proto__: null }),
  mutated: (random, foreign, seq) => random.mutated(result(seq, { detections: [detection(random, foreign)] })),
  'any value': (random) => framed(random.json(5)),
  'deep nesting': (random, _foreign, seq) => {
    const depth = random.of([10, 70, 10_000]);
    return result(seq, { data: new Raw(Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0xc0])])) });
  },
  'counts that are not true': (random, _foreign, seq) =>
    result(seq, {
      data: new Raw(
        Buffer.from([random.of([0xdd, 0xdf, 0xdb, 0xc6, 0xc9]), random.of([0x7f, 0xff, 0, 0]), 0xff, 0xff, 0xff]),
      ),
    }),
  'lengths that are not true': (random) => {
    const out = Buffer.concat([Buffer.alloc(4), random.bytes(random.int(0, 40))]);
    out.writeUInt32BE(random.of([0, 1, 0xffff_ffff, 1_048_577, 1_048_576]), 0);
    return out;
  },
  'text on standard output': (_random, foreign) => Buffer.from(`${foreign.next()}\n`),
  'many small ones': (random) => {
    const beat = framed({ type: 'heartbeat' });
    return Buffer.concat(Array.from({ length: random.of([100, 2_500]) }, () => beat));
  },
  'a large one': (random, _foreign, seq) => result(seq, { data: 'x'.repeat(random.of([200_000, 262_144, 1_100_000])) }),
  'values of other types': (random) =>
    framed(new Raw(Buffer.concat([Buffer.from([0xd4, random.int(0, 255), 1]), pack({ type: 'result' })]))),
  'random bytes': (random) => random.bytes(random.int(0, 300)),
};
const NAMES = Object.keys(MAKERS);

/** What a hostile worker writes when it is given a frame. @param seq The frame's number. */
export function workerBytes(random: Random, seq: number): Buffer {
  return MAKERS[random.of(NAMES)]?.(random, new ForeignText(random), seq) ?? Buffer.alloc(0);
}

/** What a hostile worker writes to standard error. */
export function workerLines(random: Random): string {
  const foreign = new ForeignText(random);
  return Array.from({ length: random.int(1, 5) }, () => foreign.next()).join('\n');
}

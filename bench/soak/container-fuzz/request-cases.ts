import { encodeFrame, encodeJson, LENGTH_BYTES } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import { SIDE, SLOTS } from './fuzz-files.ts';
import {
  type Fields,
  goodInfer,
  goodSlot,
  kept,
  refused,
  type RequestCase,
  type RequestContext,
  type Verdict,
} from './request-parts.ts';

type Maker = (context: RequestContext) => RequestCase;
const WRONG_TEXT: readonly unknown[] = [null, 7, true, [], {}, '', 'x'.repeat(600)];
const WRONG_SIDE: readonly unknown[] = [0, -1, 8.5, 16_385, 1e9, 2 ** 31, 2 ** 53, 1e300, null, '8', true, [8], {}];
const WRONG_NUMBER: readonly unknown[] = [null, '1', true, [], {}];
const WRONG_DECIMAL: readonly unknown[] = [null, 2, '', '-2', '0x2', '2.0', ' 2', '２', '1'.repeat(21), [], {}];

const TOP_LEVEL: readonly (readonly [string, readonly unknown[]])[] = [
  ['model_id', WRONG_TEXT],
  ['camera_id', WRONG_TEXT],
  ['timestamp', WRONG_NUMBER],
  ['frame_reference', WRONG_TEXT],
  ['frame_metadata', [null, 7, 'x', [], [{}], {}]],
  ['deadline_ms', [...WRONG_NUMBER, 0, -1]],
  ['grant', [null, 7, {}, 'x'.repeat(65)]],
  ['op', [7, '', 'Infer', 'toString', '__proto__', {}, [], true]],
];
const METADATA: readonly (readonly [string, readonly unknown[]])[] = [
  ['frame_id', [...WRONG_NUMBER, -1, 0.5, 2 ** 53]],
  ['width', WRONG_SIDE],
  ['height', WRONG_SIDE],
  ['format', [...WRONG_TEXT, 'rgb24', 'RGBA', 'YUYV', 'JPEG', 'NV21', 'constructor']],
  ['slot', [...WRONG_NUMBER, -1, 4096, 1.5, 1e300]],
  ['generation', WRONG_DECIMAL],
  ['epoch', WRONG_DECIMAL],
  ['offset', [...WRONG_NUMBER, -1, 0.5]],
  ['strides', [null, 24, '24', [0], [-24], [1.5], ['24'], [24, 24, 24, 24], {}]],
];

const wrongField: Maker = (context) => {
  const [name, values] = context.random.of(TOP_LEVEL);
  const value =
    context.random.once(5) && !['op', 'deadline_ms', 'grant'].includes(name) ? undefined : context.random.of(values);
  return kept('wrong fields', { ...goodInfer(context), [name]: value }, ['bad_request']);
};

const wrongMetadata: Maker = (context) => {
  const [name, values] = context.random.of(METADATA);
  const { frame_metadata } = goodSlot(context);
  const metadata = { ...(frame_metadata as Fields), [name]: context.random.of(values) };
  return kept('wrong sizes, formats, numbers', { ...goodInfer(context), frame_metadata: metadata }, ['bad_request']);
};

const wrongShape: Maker = (context) => {
  const { random } = context;
  const side = (): number => random.of([1, 7, 9, 16, 640, 16_384]);
  const [width, height] = [side(), random.once(2) ? SIDE : side()];
  const format = random.of(['RGB24', 'BGR24', 'GRAY8', 'NV12', 'I420']);
  const slot = random.once(2);
  const message = slot
    ? goodSlot(context, { width, height, format })
    : { ...goodInfer(context), frame_metadata: { frame_id: 1, width, height, format } };
  // Another shape with the same number of bytes may be valid for a plain file.
  return kept('another shape than there is', message, slot ? ['frame_invalid'] : ['frame_invalid', 'ok']);
};

const reference: Maker = (context) => {
  const { random, files } = context;
  const nothing = ['nothing', `nothing/${'x/'.repeat(random.int(1, 100))}y`].map((name) => files.path(name));
  const folders = ['folder', 'fifo', 'loop', 'link-out', 'link-nowhere', 'short', 'long', 'empty'];
  const invalid = [
    ...folders.map((name) => files.path(name)),
    files.path('link-folder/passwd'),
    '/etc/passwd',
    `/proc/self/fd/${random.int(0, 30)}`,
    '/proc/self/mem',
    '/dev/zero',
    '/dev/shm',
    '/dev/shm/.',
    `/dev/shm/../shm/${files.plain.slice(9)}`,
    '/dev/shm/../../etc/passwd',
    files.plain.slice(1),
    `${files.plain}\u0000`,
    '//etc/passwd',
  ];
  const path = random.once(5) ? random.of(nothing) : random.of(invalid);
  const verdicts: readonly Verdict[] = nothing.includes(path) ? ['frame_not_found'] : ['frame_invalid'];
  return kept('references that lead nowhere or outside', { ...goodInfer(context), frame_reference: path }, verdicts);
};

const anyReference: Maker = (context) => {
  const path = `/dev/shm/${context.random.text(60)}`;
  const verdicts = ['frame_not_found', 'frame_invalid'] as const;
  return kept('references of any characters', { ...goodInfer(context), frame_reference: path }, verdicts);
};

const stale: Maker = (context) => {
  const { random, files } = context;
  const even = String(2n * BigInt(random.u32()) * BigInt(random.of([1, 2, 2 ** 31])) + 1_000n);
  const [more, code] = random.of<readonly [Fields, Verdict]>([
    [{ generation: even }, 'frame_expired'],
    [{ epoch: String(files.epoch + BigInt(random.int(1, 1000))) }, 'frame_expired'],
    [{ epoch: '0' }, 'frame_expired'],
    [{ epoch: '18446744073709551615' }, 'frame_expired'],
    [{ generation: String(files.generation + 1) }, 'frame_invalid'],
    [{ generation: '0' }, 'frame_invalid'],
    [{ slot: 0 }, 'frame_expired'],
    [{ slot: 2 }, 'frame_expired'],
    [{ slot: random.int(SLOTS, 4095) }, 'frame_invalid'],
    [{ generation: undefined }, 'frame_invalid'],
    [{ epoch: undefined }, 'frame_invalid'],
    [{ frame_id: random.int(8, 1000) }, 'frame_invalid'],
    [{ strides: [random.int(25, 4096)] }, 'frame_invalid'],
  ]);
  return kept('stale epochs and generations', goodSlot(context, more), [code]);
};

const spoiledSegment: Maker = (context) => {
  const { random, files } = context;
  const path = files.spoiledSegment((bytes) => {
    const out = Buffer.from(bytes);
    // Header and slot table; or the file is shorter than its header claims.
    for (let n = random.int(1, 6); n > 0; n -= 1) {
      const at = random.once(2) ? random.int(0, 72) : 4096 + 128 + random.int(0, 84);
      out[at] = random.u32() & 255;
    }
    return random.once(4) ? out.subarray(0, random.int(0, out.length)) : out;
  });
  const message = { ...goodSlot(context), frame_reference: path };
  return kept('segments that are spoiled', message, ['ok', 'frame_invalid', 'frame_expired']);
};

const anyJson: Maker = (context) => {
  const { random, modelId } = context;
  const value = random.json(4);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) return refused('JSON that is no object', encodeJson(value));
  const message = {
    ...value,
    request_id: `j${context.number}`,
    op: random.of(['infer', 'want', 'describe!', undefined]),
  };
  return kept('objects of any fields', { model_id: modelId, ...message }, ['bad_request']);
};

const unreadable: Maker = ({ random, ...context }) => {
  const good = JSON.stringify(goodInfer(context));
  const texts: readonly (() => Buffer)[] = [
    () => Buffer.from(good.slice(0, random.int(0, good.length - 1))),
    () => Buffer.from(`${good}${random.of(['x', '{}', ',', '\u0000'])}`),
    () =>
      Buffer.from(
        good.replace('"timestamp":1', `"timestamp":${random.of(['NaN', 'Infinity', '-Infinity', '01', '.5', '0x1'])}`),
      ),
    () => Buffer.from(good, 'utf16le'),
    () =>
      Buffer.concat([
        Buffer.from('{"x":"'),
        random.of(
          [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x80]].map((b) => Buffer.from(b)),
        ),
        Buffer.from('"}'),
      ]),
    () => Buffer.concat([Buffer.from([0xff]), random.bytes(random.int(0, 200))]),
    () => Buffer.alloc(0),
  ];
  return refused('no JSON, no UTF-8, NaN', encodeFrame(random.of(texts)()));
};

const lengths: Maker = ({ random, ...context }) => {
  const announced = random.of([
    CONTAINER_MESSAGE_LIMIT + 1,
    random.int(CONTAINER_MESSAGE_LIMIT + 1, 2 ** 31 - 1),
    2 ** 31,
    2 ** 32 - 1,
  ]);
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32BE(announced);
  const good = encodeJson(goodInfer(context));
  if (random.once(2)) return refused('lengths above the limit', Buffer.concat([head, random.bytes(random.int(0, 40))]));
  // Earlier requests are answered; then the end.
  const writes = [Buffer.concat([good, head])];
  return {
    kind: 'lengths above the limit',
    writes,
    connection: 'own',
    answers: 'any',
    verdicts: ['ok', 'bad_request'],
    refused: true,
  };
};

const largeMessage: Maker = (context) => {
  const { random } = context;
  const padding = 'x'.repeat(random.int(100_000, CONTAINER_MESSAGE_LIMIT - 1_000));
  return kept('large messages', { ...goodInfer(context), padding }, ['ok']);
};

const nesting: Maker = (context) => {
  const depth = context.random.of([10, 100, 900, 5_000, 50_000, 200_000]);
  const [open, close] = context.random.of([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  const inner = `${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}`;
  const good = JSON.stringify(goodInfer(context));
  const message = encodeFrame(Buffer.from(`${good.slice(0, -1)},"deep":${inner}}`));
  // An unknown field is ignored, unless it is nested deeper than the parser can handle: then it is not JSON.
  return { kind: 'deep nesting', writes: [message], connection: 'own', answers: 1, verdicts: ['ok', 'bad_request'] };
};

const mutated: Maker = (context) => {
  const { random } = context;
  const good = random.of([goodInfer(context), goodSlot(context), { op: 'health', request_id: 'h' }]);
  const body = random.mutated(Buffer.from(JSON.stringify(good)));
  return { kind: 'valid messages, mutated', writes: [encodeFrame(body)], connection: 'own', answers: 1 };
};

const mutatedStream: Maker = (context) => {
  const { random } = context;
  const good = Array.from({ length: random.int(1, 4) }, () =>
    encodeJson({ ...goodInfer(context), camera_id: random.text(4) || 'c' }),
  );
  const bytes = random.mutated(Buffer.concat(good));
  return { kind: 'streams of messages, mutated', writes: [bytes], connection: 'own', answers: 'any' };
};

const ids: Maker = (context) => {
  const { random, number } = context;
  const same = {
    ...goodInfer(context),
    request_id: random.of(['same', '\ud800', '\u0000', '🎥'.repeat(32), '7', 'null']),
  };
  const wrongId: readonly unknown[] = ['', 7, null, [], {}, 'x'.repeat(65), true];
  if (random.once(2)) return kept('ids that are wrong', { ...same, request_id: random.of(wrongId) }, ['bad_request']);
  const writes = [Buffer.concat([0, 1].map((i) => encodeJson({ ...same, camera_id: `d${number}-${i}` })))];
  return { kind: 'the same id twice, odd ids', writes, connection: 'kept', answers: 2, verdicts: ['ok'] };
};

const grants: Maker = (context) => {
  const { random, modelId, number } = context;
  const want = { op: 'want', request_id: `w${number}`, model_id: modelId, camera_id: 'w', consumer: `c${number}` };
  const choice = random.int(0, 4);
  if (choice === 0)
    return kept('grants that were never given', { ...goodInfer(context), grant: random.text(64) }, [
      'grant_expired',
      'bad_request',
    ]);
  if (choice === 1)
    return kept(
      'wants that are wrong',
      { ...want, [random.of(['model_id', 'camera_id', 'consumer'])]: random.of(WRONG_TEXT) },
      ['bad_request'],
    );
  if (choice === 2) return kept('wants that are wrong', { ...want, model_id: 'another' }, ['unknown_model']);
  // A want and its withdrawal in one write: granted, or withdrawn; either way nothing waits for it.
  const both = Buffer.concat([encodeJson(want), encodeJson({ ...want, op: 'unwant', request_id: `u${number}` })]);
  if (choice === 3)
    return { kind: 'wants, taken back', writes: [both], connection: 'kept', answers: 2, verdicts: ['ok'] };
  return {
    kind: 'wants of leaving peers',
    writes: [encodeJson(want)],
    connection: random.of(['own', 'reset']),
    answers: 'any',
    verdicts: ['ok'],
  };
};

const crowd: Maker = (context) => {
  const { random, number } = context;
  const count = random.int(3, 20);
  const deadline_ms = random.of([undefined, 1e-9, 1, 2 ** 31, 1e300]);
  const message = {
    ...goodInfer(context),
    camera_id: `x${number}`,
    deadline_ms,
    request_id: random.of([undefined, 'x']),
  };
  const writes = [Buffer.concat(Array.from({ length: count }, () => encodeJson(message)))];
  return {
    kind: 'many of one camera at once, odd deadlines',
    writes,
    connection: 'kept',
    answers: count,
    verdicts: ['ok', 'overloaded', 'deadline_exceeded'],
  };
};

const pieces: Maker = (context) => {
  const { random } = context;
  const bytes = encodeJson(goodInfer(context));
  const writes: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + random.int(1, 60);
    writes.push(bytes.subarray(at, next));
    at = next;
  }
  return { kind: 'right messages in pieces', writes, connection: 'kept', answers: 1, verdicts: ['ok'] };
};

const halfOpen: Maker = (context) => {
  const { random } = context;
  const bytes = encodeJson(goodInfer(context));
  const part = bytes.subarray(0, random.int(0, bytes.length - 1));
  const connection = random.of(['own', 'reset', 'open'] as const);
  const kind = connection === 'open' ? 'half messages, left open' : 'half messages, then the end';
  return { kind, writes: [part], connection, answers: 0 };
};

const leavers: Maker = (context) => {
  const { random } = context;
  const health = encodeJson({ op: 'health', request_id: 'h' });
  const many = [encodeJson(goodInfer(context)), ...Array.from({ length: random.int(0, 200) }, () => health)];
  return {
    kind: 'peers that do not wait for answers',
    writes: [Buffer.concat(many)],
    connection: 'reset',
    answers: 'any',
  };
};

/** Weight of each kind. */
const MAKERS: readonly (readonly [number, Maker])[] = [
  [12, wrongField],
  [12, wrongMetadata],
  [8, wrongShape],
  [9, reference],
  [4, anyReference],
  [9, stale],
  [5, spoiledSegment],
  [5, anyJson],
  [5, unreadable],
  [3, lengths],
  [1, largeMessage],
  [2, nesting],
  [8, mutated],
  [5, mutatedStream],
  [3, ids],
  [5, grants],
  [2, crowd],
  [2, pieces],
  [5, halfOpen],
  [2, leavers],
];
const ALL: readonly Maker[] = MAKERS.flatMap(([weight, maker]) => Array.from({ length: weight }, () => maker));

/** The case of a number. */
export function requestCase(context: RequestContext): RequestCase {
  return context.random.of(ALL)(context);
}

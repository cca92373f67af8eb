import { encodeFrame, encodeJson, LENGTH_BYTES } from '@vigia/base';
import {
  CONTAINER_ERROR_CODES,
  CONTAINER_MESSAGE_LIMIT,
  inferResponseSchema,
  type ResultStatus,
  statusOfContainerError,
} from '@vigia/contracts';
import { type AnswerCase, type Asked, broken, type Fields, goodAnswer, spoiled } from './answer-parts.ts';
import type { Random } from './random.ts';

type Maker = (random: Random) => AnswerCase;
const wrongFrame: Maker = (random) =>
  spoiled(
    'another frame, camera or model',
    ({ frame_id }) =>
      random.of<Fields>([
        { frame_id: frame_id + random.of([1, -1, 1000, 2 ** 40]) },
        { camera_id: random.of(['yard', 'hall ', '']) },
        { model_id: random.of(['other', 'M', '']) },
      ]),
    'error',
  );

const wrongFields: Maker = (random) => {
  const [name, values] = random.of<readonly [string, readonly unknown[]]>([
    ['frame_id', [undefined, null, '1', 0.5, [], 1e300]],
    ['camera_id', [undefined, null, 7, {}]],
    ['model_id', [undefined, null, 7, []]],
    ['detections', [undefined, null, {}, 'none', 0, [null], [[]], ['person']]],
    [
      'error',
      [
        undefined,
        'failed',
        7,
        true,
        {},
        [],
        { code: 'melted', message: 'x' },
        { code: 'overloaded' },
        { message: 'x' },
      ],
    ],
    [
      'metadata',
      [null, 7, [], { inference_time_ms: -1 }, { inference_time_ms: 'x' }, { inference_time_ms: 1, batch_size: 0 }],
    ],
  ]);
  const value = random.of(values);
  return spoiled('wrong or missing fields', () => ({ [name]: value }), 'error');
};

const wrongDetection: Maker = (random) => {
  const [name, values] = random.of<readonly [string, readonly unknown[]]>([
    ['class_id', [undefined, -1, 0.5, '0', null]],
    ['class_name', [undefined, 7, null, []]],
    ['confidence', [undefined, -0.1, 1.1, null, '0.5', 1e300]],
    [
      'bbox',
      [
        undefined,
        null,
        [],
        [0, 0, 1],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 1.5],
        [-0.1, 0, 1, 1],
        [null, 0, 1, 1],
        ['0', 0, 1, 1],
        'all',
      ],
    ],
    [
      'keypoints',
      [
        null,
        {},
        [{}],
        [{ name: 'nose', x: 2, y: 0, confidence: 1 }],
        Array.from({ length: 257 }, () => ({ name: 'x', x: 0, y: 0, confidence: 0 })),
      ],
    ],
    [
      'mask',
      [
        null,
        [],
        { width: 2, height: 2, counts: [3] },
        { width: 0, height: 2, counts: [] },
        { width: 1e9, height: 1e9, counts: [1] },
      ],
    ],
  ]);
  const value = random.of(values);
  return spoiled(
    'wrong detections',
    (asked) => {
      const [right] = goodAnswer(asked)['detections'] as readonly [Fields];
      const wrong = { ...right, [name]: value };
      return { detections: random.once(2) ? [wrong] : [right, right, wrong] };
    },
    'error',
  );
};

const failure: Maker = (random) => {
  const code = random.of(CONTAINER_ERROR_CODES);
  // With a list beside it, too: the error counts, an empty list never means "nothing found".
  const detections = random.of([null, [], undefined]);
  return spoiled(
    'errors',
    () => ({ detections, error: { code, message: random.text(50) } }),
    statusOfContainerError(code),
  );
};

const wrongId: Maker = (random) => {
  const other = random.of([undefined, '', 'x', '0', '999999', null, {}, [], random.text(70)]);
  return spoiled('another id, or none', () => ({ request_id: other }), 'timeout');
};

const oddId: Maker = (random) => {
  const odd = random.of<(id: string) => unknown>([
    (id) => Number(id),
    (id) => [id],
    (id) => ` ${id}`,
    (id) => `${id}.0`,
  ]);
  return spoiled('ids of another type', ({ request_id }) => ({ request_id: odd(request_id) }), 'error', 'timeout');
};

const notJson: Maker = (random) =>
  broken('no JSON', (asked) => {
    const good = JSON.stringify(goodAnswer(asked));
    return encodeFrame(
      Buffer.from(
        random.of([
          good.slice(0, random.int(0, good.length - 1)),
          `${good}x`,
          '',
          good.replace('0.5', 'NaN'),
          good.replace('null', 'undefined'),
        ]),
      ),
    );
  });

const notUtf8: Maker = (random) => {
  const bad = random.of([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0x80]]);
  const kind = 'no UTF-8';
  return {
    ...broken(kind, (asked) => {
      const [before = '', after = ''] = JSON.stringify(goodAnswer(asked)).split('person');
      return encodeFrame(Buffer.concat([Buffer.from(before), Buffer.from(bad), Buffer.from(after)]));
    }),
    statuses: () => ['unavailable', 'error'],
  };
};

const notObject: Maker = (random) => {
  const value = random.of([null, 7, 'text', [], [{}], true]);
  return {
    kind: 'JSON that is no object',
    op: 'infer',
    bytes: () => encodeJson(value),
    statuses: () => ['timeout', 'unavailable'],
  };
};

const anyJson: Maker = (random) => {
  const value = random.json(4);
  return spoiledBy('any JSON under the right id', (asked) => ({ x: value, request_id: asked.request_id }));
};

function spoiledBy(kind: string, message: (asked: Asked) => Fields): AnswerCase {
  return { kind, op: 'infer', bytes: (asked) => encodeJson(message(asked)), statuses: () => ['error'] };
}

const tooLong: Maker = (random) =>
  broken('lengths above the limit', () => {
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt32BE(random.of([CONTAINER_MESSAGE_LIMIT + 1, 2 ** 31, 2 ** 32 - 1]));
    return Buffer.concat([head, random.bytes(random.int(0, 50))]);
  });

const cut: Maker = (random) => ({
  ...broken('half an answer, then the end', (asked) => {
    const bytes = encodeJson(goodAnswer(asked));
    return bytes.subarray(0, random.int(0, bytes.length - 1));
  }),
  after: random.of(['end', 'reset']),
});

const stalled: Maker = (random) => ({
  ...broken('half an answer, then nothing', (asked) => {
    const bytes = encodeJson(goodAnswer(asked));
    return bytes.subarray(0, random.int(0, bytes.length - 1));
  }),
  misaligned: true,
  statuses: () => ['timeout', 'unavailable'],
});

const deep: Maker = (random) => {
  const depth = random.of([10, 1_000, 100_000]);
  const bytes = (asked: Asked): Buffer => {
    const good = JSON.stringify(goodAnswer(asked)).replace('"error":null', '"error":null,"frame_id":-1');
    return encodeFrame(Buffer.from(`${good.slice(0, -1)},"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`));
  };
  return { kind: 'deep nesting, another frame', op: 'infer', bytes, statuses: () => ['error', 'unavailable'] };
};

const surplus: Maker = (random) => ({
  kind: 'right, and one more',
  op: 'infer',
  bytes: (asked) => {
    const good = encodeJson(goodAnswer(asked));
    const more = random.of([
      good,
      encodeJson({}),
      encodeJson(null),
      encodeJson({ ...goodAnswer(asked), request_id: 'x' }),
    ]);
    return Buffer.concat([good, more]);
  },
  statuses: () => ['ok'],
});

const mutated: Maker = (random) => {
  // Deterministic: its bytes decide the allowed outcomes.
  let made: Buffer | undefined;
  const bytes = (asked: Asked): Buffer => {
    made ??= random.mutated(Buffer.from(JSON.stringify(goodAnswer(asked))));
    return encodeFrame(made);
  };
  const statuses = (asked: Asked): readonly ResultStatus[] =>
    isRight(bytes(asked).subarray(LENGTH_BYTES), asked) ? ['ok'] : ['error', 'timeout', 'unavailable', 'expired'];
  return { kind: 'right answers, mutated', op: 'infer', bytes, statuses };
};

const mutatedStream: Maker = (random) => {
  let made: Buffer | undefined;
  const bytes = (asked: Asked): Buffer => (made ??= random.mutated(encodeJson(goodAnswer(asked))));
  const statuses = (asked: Asked): readonly ResultStatus[] => {
    const whole = bytes(asked);
    const size = whole.length >= LENGTH_BYTES ? whole.readUInt32BE() : Number.POSITIVE_INFINITY;
    const right =
      size <= whole.length - LENGTH_BYTES && isRight(whole.subarray(LENGTH_BYTES, LENGTH_BYTES + size), asked);
    return right ? ['ok'] : ['error', 'timeout', 'unavailable', 'expired'];
  };
  return { kind: 'right answers, mutated with their length', op: 'infer', bytes, misaligned: true, statuses };
};

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Whether an answer is still correct: some mutations change nothing that matters. */
function isRight(payload: Buffer, { request_id, frame_id }: Asked): boolean {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(payload));
  } catch {
    // Not JSON, not text: mutations cover that.
    return false;
  }
  const { data } = inferResponseSchema.safeParse(value);
  return (
    data !== undefined &&
    data.error === null &&
    data.detections !== null &&
    data.frame_id === frame_id &&
    data.camera_id === 'hall' &&
    data.model_id === 'm' &&
    data.request_id === request_id
  );
}

const wrongGrant: Maker = (random) => {
  const fields = random.of<Fields>([
    {},
    { grant: 'g1', error: null },
    { grant: {}, error: null },
    { grant: { id: 7, expires_ms: 100 }, error: null },
    { grant: { id: 'g1' }, error: null },
    { grant: { id: 'g1', expires_ms: 0 }, error: null },
    { grant: { id: 'g1', expires_ms: -5 }, error: null },
    { grant: [], error: null },
    { grant: null },
    { grant: null, error: 7 },
  ]);
  return {
    kind: 'grants that are none',
    op: 'want',
    bytes: ({ request_id }) => encodeJson({ request_id, ...fields }),
    statuses: () => ['error'],
  };
};

const refusedGrant: Maker = (random) => {
  const code = random.of(CONTAINER_ERROR_CODES);
  const grant = random.of([null, { id: 'g1', expires_ms: 100 }]);
  return {
    kind: 'wants that are refused',
    op: 'want',
    bytes: ({ request_id }) => encodeJson({ request_id, grant, error: { code, message: 'no' } }),
    statuses: () => [statusOfContainerError(code)],
  };
};

const brokenGrant: Maker = (random) => ({
  kind: 'bytes in place of a grant',
  op: 'want',
  bytes: () => random.of([encodeFrame(Buffer.from('{')), encodeFrame(Buffer.alloc(0)), Buffer.from([0x7f, 0, 0, 0])]),
  statuses: () => ['unavailable'],
});

const lostGrant: Maker = (random) => ({
  kind: 'the end in place of a grant',
  op: 'want',
  bytes: () => Buffer.alloc(0),
  after: random.of(['end', 'reset']),
  statuses: () => ['unavailable'],
});

const MAKERS: readonly (readonly [number, Maker])[] = [
  [8, wrongFrame],
  [12, wrongFields],
  [14, wrongDetection],
  [8, failure],
  [4, wrongId],
  [3, oddId],
  [5, notJson],
  [3, notUtf8],
  [3, notObject],
  [4, anyJson],
  [3, tooLong],
  [4, cut],
  [2, stalled],
  [2, deep],
  [3, surplus],
  [10, mutated],
  [5, mutatedStream],
  [4, wrongGrant],
  [2, refusedGrant],
  [2, brokenGrant],
  [1, lostGrant],
];
const ALL: readonly Maker[] = MAKERS.flatMap(([weight, maker]) => Array.from({ length: weight }, () => maker));

/** The case of a seed. */
export function answerCase(random: Random): AnswerCase {
  return random.of(ALL)(random);
}

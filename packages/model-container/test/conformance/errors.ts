import { expect, test } from 'vitest';
import { codeOfAnswer } from './peer.ts';
import { packed } from './pictures.ts';
import { COLOUR, type Rig } from './rig.ts';

/** Members without which a request cannot be answered. */
const NEEDED_FIELDS: readonly object[] = [
  { camera_id: undefined },
  { camera_id: 7 },
  { model_id: undefined },
  { model_id: ['m'] },
  { frame_reference: undefined },
  { frame_reference: 5 },
  { frame_metadata: undefined },
  { frame_metadata: null },
  { frame_metadata: [] },
  { request_id: 7 },
  { op: 'inference' },
  { op: 7 },
];
const NEEDED_METADATA: readonly object[] = [
  { frame_id: undefined },
  { frame_id: '42' },
  { width: undefined },
  { width: 0 },
  { width: 1e300 },
  { height: -8 },
  { format: undefined },
  { format: 3 },
  { slot: '1' },
];

/** Wrong values of the fields of an `infer`; null is not "absent". */
const WRONG_FIELDS: readonly object[] = [
  { camera_id: '' },
  { camera_id: null },
  { camera_id: 'x'.repeat(129) },
  { timestamp: undefined },
  { timestamp: '1' },
  { frame_reference: '' },
  { frame_reference: `/dev/shm/${'x'.repeat(512)}` },
  { request_id: '' },
  { request_id: 'x'.repeat(65) },
  { deadline_ms: 0 },
  { deadline_ms: -1 },
  { deadline_ms: '100' },
  { grant: 5 },
  { faint_from: 0 },
  { faint_from: 0.049 },
  { faint_from: 1.1 },
  { faint_from: '0.2' },
  { faint_from: null },
  { op: '' },
];

const WRONG_METADATA: readonly object[] = [
  { frame_id: -1 },
  { frame_id: 1.5 },
  { width: -8 },
  { width: 8.5 },
  { width: 16_385 },
  { height: 0 },
  { height: 2 ** 53 },
  { height: true },
  { format: 'RGBA' },
  { format: 'rgb24' },
  { slot: -1 },
  { slot: 4096 },
  { slot: 1, generation: 2, epoch: '1' },
  { slot: 1, generation: '0x2', epoch: '1' },
  { slot: 1, generation: '2', epoch: '-1' },
  { slot: 1, generation: '2', epoch: '123456789012345678901' },
  { strides: 24 },
  { strides: [0] },
  { strides: [24, 24, 24, 24] },
];

/** Which errors are answered, with which code, and that the connection stays usable. */
export function errorTests(rig: Rig): void {
  const { strict } = rig.subject.can;
  test.each(strict ? [...NEEDED_FIELDS, ...WRONG_FIELDS] : NEEDED_FIELDS)('bad_request: %j', async (wrong) => {
    const peer = await rig.connect();
    expect(codeOfAnswer(await peer.infer(rig.infer(wrong)))).toBe('bad_request');
    rig.seen(await peer.infer(rig.infer()));
  });

  test.each(strict ? [...NEEDED_METADATA, ...WRONG_METADATA] : NEEDED_METADATA)(
    'bad_request: frame_metadata %j',
    async (wrong) => {
      const peer = await rig.connect();
      const plain = rig.plain();
      const answer = await peer.infer(rig.infer({ frame_metadata: { ...plain.frame_metadata, ...wrong } }));
      expect(codeOfAnswer(answer)).toBe('bad_request');
      rig.seen(await peer.infer(rig.infer()));
    },
  );

  test('bad_request repeats what could be read', async () => {
    const peer = await rig.connect();
    const answer = await peer.infer(rig.infer({ request_id: 'r', frame_reference: 7 }));
    expect(answer).toMatchObject({ request_id: 'r', camera_id: 'hall', frame_id: 42, error: { code: 'bad_request' } });
    const nothing = await peer.infer({ op: 'dance' });
    expect(nothing).toMatchObject({ camera_id: '', frame_id: 0, error: { code: 'bad_request' } });
  });

  test.each([
    { request_id: undefined },
    { request_id: 5 },
    { camera_id: undefined },
    { consumer: undefined },
    { consumer: '' },
    { model_id: 1 },
  ])('bad_request: a want with %j', async (wrong) => {
    const peer = await rig.connect();
    peer.send({ ...rig.want('w'), ...wrong });
    const answer = await peer.next();
    expect(codeOfAnswer(answer)).toBe('bad_request');
    // In the form of an answer to `want` when there is an id to answer to.
    expect('grant' in answer).toBe(!('request_id' in wrong));
  });

  test('unknown_model: of infer and of want', async () => {
    const peer = await rig.connect();
    const answer = await peer.infer(rig.infer({ model_id: 'another', request_id: 'r' }));
    expect(answer).toMatchObject({
      request_id: 'r',
      camera_id: 'hall',
      frame_id: 42,
      error: { code: 'unknown_model' },
    });
    const refused = await peer.want({ ...rig.want('w'), model_id: 'another' });
    expect(refused).toMatchObject({ request_id: 'w', grant: null, error: { code: 'unknown_model' } });
  });

  test('overloaded: one request of a camera may wait, over all connections', async () => {
    const [peer, other] = [await rig.connect(rig.slow), await rig.connect(rig.slow)];
    const infer = (id: string, camera: string): object => rig.infer({ request_id: id, camera_id: camera });
    // Long enough without haste: a few runs, and one that waits behind them; the next one has no room.
    const { max_batch } = await peer.describe();
    const running = Array.from({ length: 3 * max_batch }, (_, i) => `running${i}`);
    peer.send(...running.map((id) => infer(id, id)), infer('waits', 'hall'), infer('too much', 'hall'));
    const refused = await peer.answersTo('too much');
    expect(refused['too much']).toMatchObject({ error: { code: 'overloaded' } });
    expect(codeOfAnswer(await other.infer(infer('too', 'hall')))).toBe('overloaded');
    expect(codeOfAnswer(await other.infer(infer('another', 'yard')))).toBeUndefined();
    const answers = await peer.answersTo(...running, 'waits');
    for (const answer of Object.values(answers)) expect(codeOfAnswer(answer)).toBeUndefined();
  });

  test('deadline_exceeded: a request that waits beyond its deadline', async () => {
    const peer = await rig.connect(rig.slow);
    const infer = (id: string, more: object): object => rig.infer({ request_id: id, camera_id: id, ...more });
    peer.send(infer('first', {}), infer('late', { deadline_ms: 1 }), infer('patient', { deadline_ms: 60_000 }));
    const answers = await peer.answersTo('first', 'late', 'patient');
    const codes = ['first', 'late', 'patient'].map((id) => codeOfAnswer(answers[id]));
    expect(codes).toEqual([undefined, 'deadline_exceeded', undefined]);
  });

  test('a deadline may be longer than any timer can count', async () => {
    const peer = await rig.connect(rig.slow);
    const infer = (id: string, deadline_ms: number): object =>
      rig.infer({ request_id: id, camera_id: id, deadline_ms });
    const ids = [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 1e300].map((deadline) => [String(deadline), deadline] as const);
    peer.send(rig.infer({ request_id: 'first' }), ...ids.map(([id, deadline]) => infer(id, deadline)));
    const answers = await peer.answersTo('first', ...ids.map(([id]) => id));
    for (const answer of Object.values(answers)) expect(codeOfAnswer(answer)).toBeUndefined();
  });

  test.runIf(rig.subject.can.canFail)(
    'inference_failed: a model that throws; it goes on, and says `failing` after three in a row',
    async () => {
      const container = await rig.start(0, true);
      const peer = await rig.connect(container);
      const black = rig.files.plain(packed('RGB24', 8, 8, [0, 0, 0]), 7, rig.files.path('black'));
      for (let i = 0; i < 3; i += 1) {
        expect((await peer.health()).state).toBe('ready');
        const answer = await peer.infer(rig.infer({ request_id: 'r' }, black));
        expect(answer).toMatchObject({ request_id: 'r', frame_id: 7, error: { code: 'inference_failed' } });
      }
      expect((await peer.health()).state).toBe('failing');
      rig.seen(await peer.infer(rig.infer()), COLOUR);
      expect((await peer.health()).state).toBe('ready');
    },
  );
}

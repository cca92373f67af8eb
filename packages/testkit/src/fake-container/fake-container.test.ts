import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeJson, FakeClock, FrameDecoder } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT, inferResponseSchema } from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeContainer, type FakeContainerOptions } from './fake-container.ts';
import { FAKE_MANNERS, type FakeManner } from './manners.ts';

// Correct behaviour is tested together with the real containers: packages/model-container/test/conformance.test.ts.
type Message = Record<string, unknown>;

let folder: string;
let socketPath: string;
let fake: FakeContainer;
let sockets: Socket[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-fake-'));
  socketPath = join(folder, 'model.sock');
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await fake.close();
  expect(existsSync(socketPath)).toBe(false);
  rmSync(folder, { recursive: true });
});

async function start(options: Omit<FakeContainerOptions, 'socketPath'> = {}): Promise<void> {
  fake = await FakeContainer.start({ socketPath, readsFrames: false, ...options });
}

/** Sends messages and reads all bytes until `messages` have come, or the end. */
async function talk(messages: readonly object[], count: number): Promise<{ answers: Message[]; raw: Buffer }> {
  const socket = connect(socketPath);
  sockets.push(socket);
  const chunks: Buffer[] = [];
  const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  const answers: Message[] = [];
  socket.write(Buffer.concat(messages.map((message) => encodeJson(message))));
  await new Promise<void>((resolve) => {
    socket.on('error', () => resolve()).on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      try {
        answers.push(...decoder.push(chunk).map((payload) => JSON.parse(payload.toString()) as Message));
      } catch {
        // The intended answer: the test checks the bytes.
        resolve();
      }
      if (answers.length >= count) resolve();
    });
  });
  return { answers, raw: Buffer.concat(chunks) };
}

const infer = (more: object = {}): object => ({
  request_id: 'i',
  model_id: 'bright',
  camera_id: 'hall',
  timestamp: 1,
  frame_reference: '/dev/shm/x',
  frame_metadata: { frame_id: 42, width: 8, height: 8, format: 'RGB24' },
  ...more,
});
const want = { op: 'want', request_id: 'w', model_id: 'bright', camera_id: 'hall', consumer: 'people' };
const health = { op: 'health', request_id: 'h' };

test('without manners it answers by the schema, and counts', async () => {
  await start();
  const { answers } = await talk([infer(), want], 2);
  const answer = answers.find(({ request_id }) => request_id === 'i');
  expect(inferResponseSchema.parse(answer)).toMatchObject({ frame_id: 42, detections: [], error: null });
  expect(fake.counts).toEqual({ connections: 1, infers: 1, wants: 1, ok: 1, errors: 0, batches: 1 });
});

test('faint detections are answered as configured, to who asks for them', async () => {
  const faint = { class_id: 0, class_name: 'bright', confidence: 0.2, bbox: [0, 0, 1, 1] } as const;
  await start({ faint: () => [{ ...faint, bbox: [...faint.bbox] }] });
  const { answers } = await talk([infer({ faint_from: 0.1 })], 1);
  expect(inferResponseSchema.parse(answers[0])).toMatchObject({ detections: [], faint: [faint] });
  expect((await talk([infer()], 1)).answers[0]).not.toHaveProperty('faint');
});

const SPOILED: readonly (readonly [FakeManner, Message])[] = [
  ['wrong_frame', { frame_id: 43 }],
  ['null_detections', { detections: null, error: null }],
  ['empty_with_error', { detections: [], error: { code: 'inference_failed' } }],
  ['wrong_id', { request_id: 'not i' }],
];
test.each(SPOILED)('%s, and only while the manner is set', async (manner, expected) => {
  await start({ manners: [manner] });
  expect((await talk([infer()], 1)).answers).toMatchObject([expected]);
  fake.misbehave();
  expect((await talk([infer()], 1)).answers).toMatchObject([{ request_id: 'i', frame_id: 42, error: null }]);
});

test('fields that are missing, ids that are missing, answers given twice', async () => {
  await start({ manners: ['missing_fields'] });
  const [answer] = (await talk([infer()], 1)).answers;
  expect(Object.keys(answer ?? {}).sort()).toEqual(['camera_id', 'detections', 'metadata', 'model_id', 'request_id']);
  fake.misbehave('no_id');
  expect((await talk([infer()], 1)).answers[0]).not.toHaveProperty('request_id');
  fake.misbehave('answers_twice');
  const { answers } = await talk([infer()], 2);
  expect(answers[0]).toEqual(answers[1]);
});

test('bytes that are no message, too much announced, and ends', async () => {
  await start({ manners: ['garbage'] });
  expect((await talk([infer()], 1)).raw.toString('latin1')).toContain('rubbish');
  fake.misbehave('not_json');
  expect((await talk([infer()], 1)).raw.toString()).toContain('{"detections":[}');
  fake.misbehave('huge');
  expect((await talk([infer()], 1)).raw.readUInt32BE()).toBeGreaterThan(CONTAINER_MESSAGE_LIMIT);
  fake.misbehave('closes');
  expect(await talk([infer()], 1)).toMatchObject({ answers: [], raw: Buffer.alloc(0) });
  fake.misbehave('closes_mid_answer');
  const { answers, raw } = await talk([infer()], 1);
  expect(answers).toEqual([]);
  expect(raw.byteLength).toBeGreaterThan(4);
});

test('silent, mute and hanging ones answer less and less', async () => {
  await start({ manners: ['silent'] });
  expect((await talk([infer(), health], 1)).answers).toMatchObject([{ request_id: 'h' }]);
  fake.misbehave('mute', 'hang');
  const heard = new Promise<void>((resolve) => void sockets.at(-1)?.once('close', () => resolve()));
  fake.dropClients();
  await heard;
  const before = fake.counts.infers;
  const talked = talk([infer(), health], 1);
  while (fake.counts.connections < 2) await new Promise((resolve) => void setImmediate(resolve));
  fake.dropClients();
  expect((await talked).answers).toEqual([]);
  expect(fake.counts.infers).toBe(before);
});

test('grants: never, twice, refused', async () => {
  await start({ manners: ['never_grants'] });
  expect((await talk([want, health], 1)).answers).toMatchObject([{ request_id: 'h' }]);
  fake.misbehave('refuses_grants');
  expect((await talk([want], 1)).answers).toMatchObject([{ grant: null, error: { code: 'overloaded' } }]);
  fake.misbehave('grants_twice');
  const { answers } = await talk([want], 2);
  expect(answers[0]).toEqual(answers[1]);
});

test('its state of health and its duration are as configured', async () => {
  const clock = new FakeClock();
  await start({ state: 'starting', delayMs: 500, clock });
  expect((await talk([health], 1)).answers).toMatchObject([{ state: 'starting' }]);
  fake.state = 'ready';
  const talked = talk([infer(), health], 2);
  while (clock.pendingTimers === 0) await new Promise((resolve) => void setImmediate(resolve));
  clock.advance(500);
  const { answers } = await talked;
  expect(answers).toMatchObject([{ state: 'ready' }, { request_id: 'i', metadata: { inference_time_ms: 500 } }]);
});

test('every manner says what it is', () => {
  for (const text of Object.values(FAKE_MANNERS)) expect(text.length).toBeGreaterThan(10);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { InferenceServer, type ServedModel } from './inference-server.ts';

/** Adds one to each of three numbers. */
const PLUS_ONE: ServedModel = {
  name: 'plus-one',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
  infer: ([x]) => {
    if (!x) throw new TypeError('x is missing');
    const values = new Float32Array(Uint8Array.from(x.data).buffer).map((value) => value + 1);
    return Promise.resolve([{ name: 'y', datatype: 'FP32', shape: x.shape, data: new Uint8Array(values.buffer) }]);
  },
};
const INFER = '/v2/models/plus-one/infer';
let server: InferenceServer;

beforeEach(async () => {
  server = await InferenceServer.start(PLUS_ONE);
});
afterEach(() => server.close());

const post = (json: unknown, bytes?: Uint8Array): Promise<Response> => {
  const head = Buffer.from(JSON.stringify(json));
  const headers: Record<string, string> = bytes ? { 'Inference-Header-Content-Length': String(head.byteLength) } : {};
  return fetch(server.url + INFER, { method: 'POST', headers, body: Buffer.concat([head, bytes ?? Buffer.alloc(0)]) });
};

test('says whether it is ready and what it has', async () => {
  expect((await fetch(`${server.url}/v2/health/live`)).status).toBe(200);
  expect((await fetch(`${server.url}/v2/models/plus-one/ready`)).status).toBe(200);
  server.ready = false;
  expect((await fetch(`${server.url}/v2/models/plus-one/versions/1/ready`)).status).toBe(503);
  expect(await (await fetch(`${server.url}/v2`)).json()).toMatchObject({ extensions: ['binary_tensor_data'] });
  expect(await (await fetch(`${server.url}/v2/models/plus-one`)).json()).toMatchObject({ inputs: PLUS_ONE.inputs });
  const missing = await fetch(`${server.url}/v2/models/other`);
  expect([missing.status, await missing.json()]).toEqual([404, { error: 'there is no model other' }]);
});

test('infers from JSON, nested or flat, to JSON', async () => {
  const answer = await post({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [[1, 2, 3]] }] });
  expect(await answer.json()).toEqual({
    model_name: 'plus-one',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [2, 3, 4] }],
  });
});

test('infers from bytes to bytes', async () => {
  const x = { name: 'x', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } };
  const outputs = [{ name: 'y', parameters: { binary_data: true } }];
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const answer = await post({ inputs: [x], outputs }, bytes);
  const body = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get('inference-header-content-length'));
  expect(JSON.parse(body.subarray(0, length).toString())).toMatchObject({
    outputs: [{ name: 'y', shape: [1, 3], parameters: { binary_data_size: 12 } }],
  });
  expect(new Float32Array(Uint8Array.from(body.subarray(length)).buffer)).toEqual(Float32Array.of(2, 3, 4));
});

test('answers malformed requests with 400, and fails on request', async () => {
  expect(
    (await post({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] }, Buffer.alloc(4))).status,
  ).toBe(400);
  server.fault = { kind: 'status', status: 503, error: 'full' };
  const busy = await post({ inputs: [] });
  expect([busy.status, await busy.json()]).toEqual([503, { error: 'full' }]);
  server.fault = { kind: 'close' };
  await expect(post({ inputs: [] })).rejects.toThrow(/fetch failed/);
});

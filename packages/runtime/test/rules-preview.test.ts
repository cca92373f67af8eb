import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError, createClient } from '@vigia/client';
import { API, type ApiRequest, type RulesPreview } from '@vigia/contracts/api';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { FakeContainer, SimulatedCamera } from '@vigia/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

type Client = ReturnType<typeof createClient>;
type Body = ApiRequest<'previewRules'>['body'];

const zone = (left: number, right: number): { kind: 'area'; points: [number, number][] } => ({
  kind: 'area',
  points: [
    [left, 0],
    [right, 0],
    [right, 1],
    [left, 1],
  ],
});
/** Nobody is on the left; somebody stands on the right all the time. */
const ASKED: Body = {
  camera: 'hall',
  rule: 'visits',
  zones: { spot: zone(0.5, 1) },
  rules: { visits: { from: 'people', zones: { spot: { alarm: 'occupied' } } } },
};

let box: Sandbox;
let camera: SimulatedCamera;
let model: FakeContainer;
let vigia: Vigia;
let port: number;
/** Over the control socket. */
let local: Client;

/** A camera that is recorded, and a model that always sees the same. */
beforeAll(async () => {
  box = new Sandbox();
  mkdirSync(box.runDir, { recursive: true, mode: 0o700 });
  camera = await SimulatedCamera.start({ clip: CLIP });
  model = await FakeContainer.start({
    socketPath: join(box.runDir, 'vigia_model_mine.sock'),
    modelId: 'mine',
    input: { width: 64, height: 48 },
    infer: () => [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.7, 0.3, 0.8, 0.8] }],
  });
  port = await freePort();
  const config = box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
http: { listen: "127.0.0.1:${port}" }
cameras:
  hall:
    source: "${camera.url}"
    record: { mode: always, keep: 30d }
    consumers: { people: { model: mine, fps: 5 } }
    zones: { left: { kind: area, points: [[0, 0], [0.4, 0], [0.4, 1], [0, 1]] } }
    rules: { visits: { from: people, zones: { left: { alarm: occupied } } } }
models: { mine: { external: {} } }
`,
  );
  vigia = new Vigia(['run', '-c', config, '--json'], { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') });
  local = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
  await vigia.until('results', () => vigia.results.filter(({ status }) => status === 'ok').length > 10);
});

afterAll(async () => {
  vigia.process.kill('SIGTERM');
  const code = await vigia.ended();
  await Promise.all([camera.close(), model.close()]);
  box.remove();
  expect(code).toBe(0);
});

async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return 'answered';
  } catch (error) {
    if (error instanceof ApiError) return `${error.status} ${error.code}: ${error.message}`;
    throw error;
  }
}

/** Results are stored a moment after they were made. */
async function withAlarm(node: Client): Promise<RulesPreview> {
  let answer: RulesPreview | undefined;
  const look = async (): Promise<number> => {
    answer = await node.previewRules({ body: ASKED });
    return answer.would?.alarms.length ?? 0;
  };
  await expect.poll(look, { timeout: 20_000 }).toBe(1);
  return API.previewRules.answer.parse(answer);
}

test('stored results show what other zones would have reported, beside those in use', async () => {
  const { now, would, ...about } = await withAlarm(local);
  expect(about).toMatchObject({ camera: 'hall', rule: 'visits' });
  expect(now).toMatchObject({ consumer: 'people', alarms: [] });
  expect(would?.alarms).toEqual([{ zone: 'spot', reason: 'occupied', from_ms: expect.any(Number), to_ms: null }]);
  expect(would?.changes).toMatchObject([{ zone: 'spot', state: 'occupied', visit: { most_people: 1 } }]);
  expect(would?.results).toBeGreaterThan(3);
  expect(would?.results).toBe(now?.results);
  // The node began within the last hour: before, there was nothing.
  expect(would?.gaps).toMatchObject([{ from_ms: about.from_ms }]);
  const inUse = await local.previewRules({ body: { camera: 'hall', rule: 'visits' } });
  expect([inUse.now?.consumer, inUse.would]).toEqual(['people', null]);
});

test('one at a time: another one is refused meanwhile', async () => {
  const day = { ...ASKED, from: new Date(Date.now() - 24 * 3_600_000).toISOString() };
  const asked = [local, local].map((node) => refusal(node.previewRules({ body: day })));
  expect((await Promise.all(asked)).toSorted()).toEqual([
    '503 busy: 1 preview of rules is worked on already; ask again in a while',
    'answered',
  ]);
});

test('bad input: one sentence', async () => {
  const sentences: [body: object, sentence: string][] = [
    [
      { rule: 'fall' },
      'body.rule: falls need pictures, which are not played here: export a clip, and use `vigia rules test`; allowed are bed, visits',
    ],
    [{ rule: 'lines' }, 'body.rule: a text was found, allowed are bed, visits'],
    [{ camera: 'yard' }, 'there is no camera "yard"; this node has hall'],
    [{ from: 'yesterday' }, 'body.from: a time such as 2026-11-23T14:05:00Z, or milliseconds since 1970, is expected'],
    [{ zones: {} }, 'body.rules.visits.zones.spot: this camera has no zone "spot"'],
    [{ zones: { spot: { kind: 'area', points: [] } } }, 'body.zones.spot.points: a list was found, at least 3 entries'],
  ];
  for (const [change, sentence] of sentences)
    expect(await refusal(local.previewRules({ body: { ...ASKED, ...change } as Body }))).toContain(sentence);
});

test('over the network: who may see the camera, and nobody else; it is no change', async () => {
  const clientOf = async (name: string, role: 'admin' | 'viewer' | 'screen', cameras: 'all' | string[]) => {
    await local.addUser({ body: { name, role, cameras, password: 'correct horse battery' } });
    const { token } = await local.addToken({ body: { user: name, name: 'test' } });
    return createClient({ url: `http://127.0.0.1:${port}`, token });
  };
  const admin = await clientOf('anna', 'admin', 'all');
  expect((await withAlarm(admin)).would?.alarms).toHaveLength(1);
  expect((await withAlarm(await clientOf('day', 'viewer', ['hall']))).would?.alarms).toHaveLength(1);
  const body = ASKED;
  const foreign = await clientOf('other', 'viewer', ['yard']);
  expect(await refusal(foreign.previewRules({ body }))).toBe(
    '404 not_found: there is no camera "hall"; this node has none',
  );
  const screen = await clientOf('corridor', 'screen', 'all');
  expect(await refusal(screen.previewRules({ body }))).toMatch(/^403 forbidden/);
  const nobody = createClient({ url: `http://127.0.0.1:${port}` });
  expect(await refusal(nobody.previewRules({ body }))).toMatch(/^401 not_logged_in/);
  const { events } = await local.events({ query: { kind: 'audit', limit: 100 } });
  expect(events.length).toBeGreaterThan(3);
  expect(JSON.stringify(events)).not.toContain('previewRules');
});

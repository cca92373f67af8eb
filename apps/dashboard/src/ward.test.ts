// Over 500 lines: all rules of what the page may claim, in one scene.
import type { Detection, NodeEvent, NodeStatus, ResultMessage, SummaryMessage } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import type { Alarm } from './alarms.ts';
import { alarmName, outcomeName } from './texts.ts';
import { type TileView, Ward } from './ward.ts';

/** The server's wall clock minus the page's clock: the page began at 0, and the server is far away. */
const OFFSET = Date.parse('2026-11-22T03:14:00.000Z');
const PERSON: Detection = { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.25, 0.5, 0.75, 1] };
const CAT: Detection = { ...PERSON, class_id: 15, class_name: 'cat' };

type Consumers = NodeStatus['cameras'][string]['report']['consumers'];
type Alarms = NodeStatus['alarms'];

function iso(localMs: number): string {
  return new Date(OFFSET + localMs).toISOString();
}

function consumer(changes: Partial<Consumers[string]> = {}): Consumers[string] {
  const window = {
    live_ms: 60_000,
    turns: 300,
    ok: 300,
    drop_ratio: 0,
    late_ratio: 0,
    budget: 0,
    breaching: false,
    breaches: 0,
  };
  return { kind: 'model', sla: 'critical', state: 'running', sla_window: window, ...changes } as Consumers[string];
}

interface CameraChanges {
  readonly state?: string;
  readonly reason?: string | null;
  readonly consumers?: Consumers;
}

function camera({ state = 'live', reason = null, consumers = { people: consumer() } }: CameraChanges = {}): unknown {
  return { report: { state, reason, consumers }, message: null, answers: {} };
}

function status(cameras: Record<string, CameraChanges>, more: Partial<NodeStatus> = {}): NodeStatus {
  const all = Object.fromEntries(Object.entries(cameras).map(([id, changes]) => [id, camera(changes)]));
  return { version: 1, node: 'ward-3', problems: [], alarms: [], cameras: all, ...more } as unknown as NodeStatus;
}

/** A ward with a page's clock, and a node that sends what a test asks for. */
class Scene {
  readonly ward: Ward = new Ward();
  nowMs = 0;
  #seq = 0;

  readonly cameras: Record<string, CameraChanges>;

  constructor(cameras: Record<string, CameraChanges> = { hall: {} }) {
    this.cameras = cameras;
    this.ward.connection(true, 0);
    this.beat();
    this.status();
  }

  /** Lets time pass, with the heartbeats and statuses of it. */
  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs = Math.min(end, this.nowMs + 500);
      this.beat();
      this.status();
    }
  }

  beat(): void {
    this.ward.takeNow(iso(this.nowMs), 5000 + this.nowMs, this.nowMs);
  }

  status(more: Partial<NodeStatus> = {}, askedMs = this.nowMs): void {
    this.ward.takeStatus(status(this.cameras, more), askedMs, this.nowMs);
  }

  result(detections: readonly Detection[] | null, changes: Partial<ResultMessage> = {}, ageMs = 200): ResultMessage {
    this.#seq += 1;
    const result = {
      camera: 'hall',
      consumer: 'people',
      seq: this.#seq,
      status: detections === null ? 'timeout' : 'ok',
      captured_at: iso(this.nowMs - ageMs),
      age_ms: ageMs,
      age_certain: true,
      detections,
      ...changes,
    } as ResultMessage;
    this.ward.takeResult(result, this.nowMs);
    return result;
  }

  picture(of: { seq: number | null; captured_at: string }, url = 'blob:1', cameraId = 'hall'): string | null {
    const { seq, captured_at } = of;
    const age_ms = Math.max(0, OFFSET + this.nowMs - Date.parse(captured_at));
    const header = { camera: cameraId, seq, captured_at, age_ms, age_certain: true, width: 320, height: 180 };
    return this.ward.takePicture(header, url, this.nowMs);
  }

  tile(id = 'hall'): TileView {
    const view = this.ward.tile(id, this.nowMs);
    if (view === null) throw new Error(`no tile of ${id}`);
    return view;
  }

  wall(): NonNullable<ReturnType<Ward['wall']>> {
    const view = this.ward.wall(this.nowMs);
    if (view === null) throw new Error('no wall');
    return view;
  }

  event(changes: Record<string, unknown>): void {
    const envelope = { id: 'E1', at: iso(this.nowMs), camera: 'hall', subject: 'hall/person-1', phase: 'start' };
    this.ward.takeEvent({ ...envelope, ...changes } as unknown as NodeEvent, this.nowMs);
  }

  fall(changes: Record<string, unknown> = {}, data: Record<string, unknown> = {}): void {
    const told = { state: 'down', reason: 'fall', message: 'Went down.', down_ms: 1000, ...data };
    this.event({ kind: 'fall', data: told, ...changes });
  }
}

function alarm(changes: Partial<Alarms[number]> = {}): Alarms[number] {
  const open = { subject: 'hall/person-1', camera: 'hall', event: 'E1', kind: 'fall', state: 'down', reason: 'fall' };
  return { ...open, message: 'Went down.', since_ms: 12_000, acknowledged: null, ...changes } as Alarms[number];
}

describe('before anything is known', () => {
  test('there is no wall and no tile', () => {
    const ward = new Ward();
    expect(ward.wall(0)).toBeNull();
    ward.takeStatus(status({ hall: {} }), 0, 0);
    expect(ward.wall(0)).toBeNull();
    expect(ward.tile('hall', 0)).toBeNull();
  });

  test('a camera is pending, and blind when no answer came in time', () => {
    const scene = new Scene();
    expect(scene.tile()).toMatchObject({ watch: 'pending', verdict: { kind: 'pending' }, reason: null });
    scene.pass(1500);
    expect(scene.tile().watch).toBe('pending');
    scene.pass(1000);
    expect(scene.tile()).toMatchObject({
      watch: 'blind',
      verdict: { kind: 'cannot' },
      blind: { ms: 2500, atLeast: true },
    });
  });

  test('a camera that is away is blind at once', () => {
    const scene = new Scene({ hall: { state: 'waiting', reason: 'unauthorized' } });
    expect(scene.tile()).toMatchObject({ watch: 'blind', reason: { kind: 'camera', code: 'unauthorized' } });
  });
});

describe('the verdict', () => {
  test('is nobody only for an answer `ok` without detections', () => {
    const scene = new Scene();
    scene.result([]);
    expect(scene.tile()).toMatchObject({ watch: 'watching', verdict: { kind: 'nobody' } });
  });

  test.each(['expired', 'timeout', 'unavailable', 'error'] as const)('is not nobody for `%s`', (refusal) => {
    const scene = new Scene();
    scene.result(null, { status: refusal });
    expect(scene.tile().verdict.kind).not.toBe('nobody');
    scene.pass(2500);
    scene.result(null, { status: refusal });
    const { watch, verdict, reason } = scene.tile();
    expect({ watch, verdict, reason }).toEqual({
      watch: 'blind',
      verdict: { kind: 'cannot' },
      reason: { kind: 'result', status: refusal },
    });
  });

  test('is not nobody for a message `ok` that lacks its detections', () => {
    const scene = new Scene();
    scene.result([PERSON]);
    scene.result(null, { status: 'ok' });
    expect(scene.tile().verdict).toEqual({ kind: 'people', count: 1 });
  });

  test('counts people, and names other things', () => {
    const scene = new Scene();
    scene.result([PERSON, PERSON, CAT]);
    expect(scene.tile().verdict).toEqual({ kind: 'people', count: 2 });
    scene.result([CAT]);
    expect(scene.tile().verdict).toEqual({ kind: 'things', count: 1, name: 'cat' });
  });

  test('is not kept once its answer is older than 2 s', () => {
    const scene = new Scene();
    scene.result([]);
    scene.pass(1500);
    expect(scene.tile().verdict.kind).toBe('nobody');
    scene.pass(500);
    expect(scene.tile().verdict.kind).toBe('cannot');
  });

  test('is kept for three turns of a consumer that is asked seldom', () => {
    const window = { ...consumer().sla_window, turns: 12 };
    const scene = new Scene({ hall: { consumers: { people: consumer({ sla_window: window }) } } });
    scene.result([]);
    scene.pass(14_000);
    expect(scene.tile()).toMatchObject({ watch: 'watching', verdict: { kind: 'nobody' } });
    scene.pass(1500);
    expect(scene.tile().watch).toBe('blind');
  });

  test('needs every consumer of the most urgent class', () => {
    const scene = new Scene({ hall: { consumers: { people: consumer(), falls: consumer() } } });
    scene.pass(2500);
    scene.result([]);
    expect(scene.tile()).toMatchObject({ watch: 'blind', verdict: { kind: 'cannot' } });
    scene.result([], { consumer: 'falls' });
    expect(scene.tile().verdict.kind).toBe('nobody');
  });

  test('is not nobody while a less urgent consumer sees somebody', () => {
    const scene = new Scene({ hall: { consumers: { people: consumer(), pose: consumer({ sla: 'normal' }) } } });
    scene.result([PERSON], { consumer: 'pose' });
    scene.result([]);
    expect(scene.tile().verdict).toEqual({ kind: 'people', count: 1 });
  });

  test('is the bed’s state while it is known and the camera is watched', () => {
    const scene = new Scene();
    scene.result([]);
    scene.event({ kind: 'bed', phase: null, subject: 'hall/bed', data: { state: 'in' } });
    expect(scene.tile().verdict).toEqual({ kind: 'bed', state: 'in' });
    scene.event({ kind: 'bed', phase: null, subject: 'hall/bed', data: { state: 'blind' } });
    expect(scene.tile().verdict.kind).toBe('nobody');
    scene.event({ kind: 'bed', phase: null, subject: 'hall/bed', data: { state: 'in' } });
    scene.pass(3000);
    expect(scene.tile().verdict.kind).toBe('cannot');
  });

  test('is the bed’s state no more after a lost connection: somebody may have got up meanwhile', () => {
    const scene = new Scene();
    scene.event({ kind: 'bed', phase: null, subject: 'hall/bed', data: { state: 'in' } });
    scene.ward.connection(false, scene.nowMs);
    scene.ward.connection(true, scene.nowMs);
    scene.result([PERSON]);
    expect(scene.tile().verdict).toEqual({ kind: 'people', count: 1 });
  });
});

describe('whether a camera is watched', () => {
  test('is off without a consumer, and not trouble', () => {
    const scene = new Scene({ hall: { consumers: {} }, yard: { consumers: {}, state: 'stopped' } });
    expect(scene.tile()).toMatchObject({ watch: 'off', reason: { kind: 'no_consumer' }, verdict: { kind: 'off' } });
    expect(scene.tile('yard').reason).toMatchObject({ kind: 'camera', state: 'stopped' });
    expect(scene.wall()).toMatchObject({ off: ['hall', 'yard'], trouble: [], watching: [] });
  });

  test('is slow while a consumer breaches, with its numbers', () => {
    const window = { ...consumer().sla_window, drop_ratio: 0.118, budget: 0.1 };
    const scene = new Scene({ hall: { consumers: { people: consumer({ state: 'breaching', sla_window: window }) } } });
    scene.result([PERSON]);
    expect(scene.tile()).toMatchObject({
      watch: 'slow',
      reason: { kind: 'missed', percent: 12 },
      verdict: { kind: 'people', count: 1 },
    });
    expect(scene.wall().trouble).toEqual(['hall']);
  });

  test('is slow when answers come late', () => {
    const window = { ...consumer().sla_window, late_ratio: 0.3, budget: 0.1 };
    const scene = new Scene({ hall: { consumers: { people: consumer({ state: 'breaching', sla_window: window }) } } });
    scene.result([]);
    expect(scene.tile().reason).toEqual({ kind: 'late', percent: 30 });
  });

  test('one missed look of 300 is no 0 %', () => {
    const window = { ...consumer().sla_window, drop_ratio: 0.0033, budget: 0 };
    const scene = new Scene({ hall: { consumers: { people: consumer({ state: 'breaching', sla_window: window }) } } });
    scene.result([]);
    expect(scene.tile().reason).toEqual({ kind: 'missed', percent: 0.3 });
  });

  test('is slow when only a less urgent consumer is silent', () => {
    const scene = new Scene({ hall: { consumers: { people: consumer(), pose: consumer({ sla: 'normal' }) } } });
    scene.pass(10_500);
    scene.result([]);
    expect(scene.tile()).toMatchObject({ watch: 'slow', reason: { kind: 'other', consumer: 'pose' } });
  });

  test('is blind when the node says so, although some answers come', () => {
    const scene = new Scene();
    scene.result([]);
    scene.status({ problems: [{ code: 'blind', camera: 'hall', message: 'has seen nothing' }] });
    expect(scene.tile()).toMatchObject({
      watch: 'blind',
      verdict: { kind: 'cannot' },
      reason: { kind: 'flapping' },
      blind: { ms: 200, atLeast: false },
    });
  });

  test('has the camera’s reason and the time of its next attempt', () => {
    const scene = new Scene({ hall: { state: 'waiting', reason: 'timeout' } });
    scene.event({
      kind: 'camera_state',
      phase: null,
      data: { state: 'waiting', reason: 'timeout', message: null, retry_in_ms: 3000 },
    });
    expect(scene.tile().reason).toEqual({ kind: 'camera', state: 'waiting', code: 'timeout', retryMs: OFFSET + 3000 });
  });

  test.each([
    ['running', { kind: 'silent' }],
    ['idle', { kind: 'silent' }],
    ['unavailable', { kind: 'result', status: 'unavailable' }],
    ['failed', { kind: 'consumer', state: 'failed' }],
    ['starting', { kind: 'consumer', state: 'starting' }],
  ] as const)('is blind with a reason while its consumer is `%s` and silent', (state, reason) => {
    const scene = new Scene({ hall: { consumers: { people: consumer({ state }) } } });
    scene.pass(2500);
    expect(scene.tile()).toMatchObject({ watch: 'blind', reason });
  });

  test('counts the blind time from the last answer', () => {
    const scene = new Scene();
    scene.result([]);
    scene.pass(34_000);
    expect(scene.tile().blind).toEqual({ ms: 34_200, atLeast: false });
  });

  test('is pending again after a gap of the connection, and the gap is no trouble', () => {
    const scene = new Scene();
    scene.result([]);
    scene.ward.connection(false, scene.nowMs);
    scene.nowMs += 20_000;
    scene.wall();
    scene.ward.connection(true, scene.nowMs);
    scene.beat();
    expect(scene.tile().watch).toBe('pending');
    scene.result([]);
    expect(scene.wall()).toMatchObject({ watching: ['hall'], trouble: [] });
  });
});

describe('the picture', () => {
  test('is live, old after 2 s, and gone after 60 s', () => {
    const scene = new Scene();
    scene.picture(scene.result([]));
    expect(scene.tile().picture).toMatchObject({ state: 'live', url: 'blob:1', ageMs: 200 });
    scene.pass(1800);
    expect(scene.tile().picture.state).toBe('live');
    scene.pass(100);
    expect(scene.tile().picture).toMatchObject({ state: 'old', url: 'blob:1', ageMs: 2100 });
    scene.pass(57_900);
    expect(scene.tile().picture.state).toBe('old');
    scene.pass(100);
    expect(scene.tile().picture).toMatchObject({ state: 'gone', url: null, ageMs: 60_100, capturedMs: OFFSET - 200 });
  });

  test('never came: since the page began to listen', () => {
    const scene = new Scene();
    scene.pass(5000);
    expect(scene.tile().picture).toMatchObject({ state: 'gone', url: null, ageMs: null, sinceMs: OFFSET });
  });

  test('gives back the one that it replaces, and those of cameras that left', () => {
    const scene = new Scene({ hall: {}, yard: {} });
    expect(scene.picture({ seq: null, captured_at: iso(0) })).toBeNull();
    expect(scene.picture({ seq: null, captured_at: iso(1) }, 'blob:2')).toBe('blob:1');
    expect(scene.ward.takeStatus(status({ yard: {} }), 0, 0)).toEqual(['blob:2']);
    expect(scene.ward.tile('hall', 0)).toBeNull();
  });

  test('ages by the time of capture, not of arrival', () => {
    const scene = new Scene();
    scene.picture({ seq: null, captured_at: iso(scene.nowMs - 30_000) });
    expect(scene.tile().picture).toMatchObject({ state: 'old', ageMs: 30_000 });
  });

  test('does not look new when the server’s clock is set back', () => {
    const scene = new Scene();
    scene.picture(scene.result([]));
    scene.nowMs = 3000;
    scene.ward.takeNow(iso(scene.nowMs - 3_600_000), 5000 + scene.nowMs, scene.nowMs);
    expect(scene.tile().picture).toMatchObject({ state: 'old', ageMs: 3200 });
    expect(scene.tile().watch).toBe('blind');
  });
});

describe('boxes', () => {
  test('are drawn on the picture of their own result, in its pixels', () => {
    const scene = new Scene();
    scene.picture(scene.result([PERSON]));
    expect(scene.tile().picture.overlay?.boxes).toBe('M80.0 90.0L240.0 90.0L240.0 180.0L80.0 180.0Z');
  });

  test('wait for their picture, and for their result', () => {
    const scene = new Scene();
    const first = scene.result([PERSON]);
    scene.result([CAT]);
    scene.picture(first);
    expect(scene.tile().picture.overlay).not.toBeNull();
    const captured_at = iso(scene.nowMs);
    scene.picture({ seq: 50, captured_at });
    expect(scene.tile().picture.overlay).toBeNull();
    scene.result([PERSON], { seq: 50, captured_at });
    expect(scene.tile().picture.overlay).not.toBeNull();
  });

  test.each([
    ['another seq', { seq: 99 }],
    ['another capture time', { captured_at: iso(-201) }],
    ['no seq', { seq: null }],
  ])('are not drawn on a picture with %s', (_, changes) => {
    const scene = new Scene();
    const { seq, captured_at } = scene.result([PERSON]);
    scene.picture({ seq, captured_at, ...changes });
    expect(scene.tile().picture).toMatchObject({ state: 'live', overlay: null });
  });

  test('are not drawn on the picture of another camera', () => {
    const scene = new Scene({ hall: {}, yard: {} });
    scene.picture(scene.result([PERSON]), 'blob:1', 'yard');
    expect(scene.tile('yard').picture.overlay).toBeNull();
    expect(scene.tile().picture.overlay).toBeNull();
  });

  test('are not drawn for a result that is not `ok`', () => {
    const scene = new Scene();
    scene.picture(scene.result(null));
    expect(scene.tile().picture.overlay).toBeNull();
  });

  test('go with the picture once it is old', () => {
    const scene = new Scene();
    scene.picture(scene.result([PERSON]));
    scene.pass(2000);
    expect(scene.tile().picture).toMatchObject({ state: 'old', overlay: null });
  });

  test('come from all consumers of the picture, skeletons included', () => {
    const scene = new Scene({ hall: { consumers: { people: consumer(), pose: consumer({ sla: 'normal' }) } } });
    const first = scene.result([PERSON]);
    const point = (name: string, x: number, confidence = 0.9): object => ({ name, x, y: 0.5, confidence });
    const keypoints = [point('left_hip', 0.1), point('left_knee', 0.2), point('left_ankle', 0.3, 0.1)];
    const body = { ...PERSON, keypoints } as Detection;
    scene.result([body], { consumer: 'pose', seq: first.seq, captured_at: first.captured_at });
    scene.picture(first);
    expect(scene.tile().picture.overlay).toMatchObject({
      bones: 'M32.0 90.0L64.0 90.0',
      joints: 'M32.0 90.0h0M64.0 90.0h0',
    });
  });

  test('are forgotten after 40 more results', () => {
    const scene = new Scene();
    const first = scene.result([PERSON]);
    for (let i = 0; i < 40; i++) scene.result([]);
    scene.picture(first);
    expect(scene.tile().picture.overlay).toBeNull();
  });
});

const ALARM = {
  subject: 'hall/person-1',
  event: 'E1',
  camera: 'hall',
  kind: 'fall',
  state: 'down',
  message: 'm',
  since_ms: 12_000,
  acknowledged: null,
} as Alarms[number];

describe('the clock', () => {
  test('takes the heartbeat that travelled least', () => {
    const { ward } = new Scene();
    ward.takeNow(iso(1000), 6000, 1040);
    expect(ward.serverMs(1040)).toBeCloseTo(OFFSET + 1040, 0);
    ward.takeNow(iso(2000), 7000, 1990);
    expect(ward.serverMs(1990)).toBe(OFFSET + 2000);
  });

  test('follows a clock that was set', () => {
    const { ward } = new Scene();
    ward.takeNow(iso(1000 - 60_000), 6000, 1000);
    expect(ward.serverMs(1000)).toBe(OFFSET - 59_000);
  });

  test('does not take a queue in the network for normal: ten minutes of heartbeats that are 3 s late change it by 0.12 s', () => {
    const scene = new Scene();
    for (let i = 1; i <= 600; i++) scene.ward.takeNow(iso(i * 1000), 5000 + i * 1000, i * 1000 + 3000);
    expect(OFFSET + 603_000 - (scene.ward.serverMs(603_000) ?? 0)).toBeCloseTo(120, -1);
    scene.nowMs = 603_000;
    scene.status();
    scene.result([], {}, 3000);
    expect(scene.tile().answer?.ageMs).toBeGreaterThan(2800);
    expect(scene.tile().watch).not.toBe('watching');
  });

  test('follows clocks that drift apart by less than 0.2 ms a second', () => {
    const { ward } = new Scene();
    for (let i = 1; i <= 600; i++) ward.takeNow(iso(i * 999.9), 5000 + i * 999.9, i * 1000);
    expect(ward.serverMs(600_000)).toBeCloseTo(OFFSET + 599_940, 0);
  });

  test('that was set leaves no trace and no beginning of an alarm in the old time', () => {
    const scene = new Scene();
    scene.pass(5000);
    scene.result([PERSON]);
    scene.status({ alarms: [{ ...ALARM, since_ms: 1000 }] });
    expect(scene.tile().trace.bars).toHaveLength(1);
    const back = 3_600_000;
    const beat = (): void => scene.ward.takeNow(iso(scene.nowMs - back), 5000 + scene.nowMs, scene.nowMs);
    for (let i = 0; i < 3; i++) {
      scene.nowMs += 1000;
      beat();
      scene.result([PERSON], { captured_at: iso(scene.nowMs - back - 200) });
      scene.status({ alarms: [{ ...ALARM, since_ms: 2000 + 1000 * i }] });
    }
    expect(scene.tile().trace.bars).toHaveLength(3);
    expect(scene.wall().stage?.startedMs).toBeCloseTo(OFFSET + 4000 - back, -1);
  });

  test('of a page that slept knows nothing until the next heartbeat; alarms keep their age', () => {
    const scene = new Scene();
    scene.picture(scene.result([]));
    scene.ward.slept(scene.nowMs);
    expect([scene.ward.tile('hall', scene.nowMs), scene.ward.wall(scene.nowMs)]).toEqual([null, null]);
    // Eight hours later by the server, and 0.1 s later by this page. The status is faster than the heartbeat.
    const hours = 8 * 3_600_000;
    scene.nowMs += 100;
    scene.ward.connection(true, scene.nowMs);
    scene.status({ alarms: [{ ...ALARM, since_ms: 20_000 }] });
    scene.ward.takeNow(iso(hours + 100), 5000 + hours + 100, scene.nowMs);
    expect(scene.wall().stage?.startedMs).toBe(OFFSET + hours + 100 - 20_000);
    expect(scene.tile().picture).toMatchObject({ state: 'gone', ageMs: hours + 100 + 200 });
  });

  test('ignores a heartbeat without a time', () => {
    const { ward } = new Scene();
    ward.takeNow('soon', 1, 1000);
    expect(ward.serverMs(1000)).toBeCloseTo(OFFSET + 1000, 0);
  });
});

describe('nobody', () => {
  const slow = (): Scene => {
    const window = { ...consumer().sla_window, turns: 6 };
    return new Scene({ hall: { consumers: { people: consumer({ sla_window: window }) } } });
  };

  test('is not said of one that is asked every 10 s when its newest answer is none', () => {
    const scene = slow();
    scene.result([]);
    scene.pass(10_000);
    expect(scene.tile().verdict.kind).toBe('nobody');
    scene.result(null);
    expect(scene.tile().verdict.kind).toBe('cannot');
    scene.result([]);
    expect(scene.tile().verdict.kind).toBe('nobody');
  });

  test('is still said 2 s after an answer, when the next one is none', () => {
    const scene = new Scene();
    scene.result([]);
    scene.pass(1000);
    scene.result(null);
    expect(scene.tile().verdict.kind).toBe('nobody');
  });

  test('is not said while another consumer, who may find people, does not answer', () => {
    const scene = new Scene({ hall: { consumers: { fire: consumer(), people: consumer({ sla: 'normal' }) } } });
    const answers = (count: number): void => {
      for (let i = 0; i < count; i++) {
        scene.pass(1000);
        scene.result([], { consumer: 'fire' });
      }
    };
    answers(11);
    expect(scene.tile()).toMatchObject({ reason: { kind: 'other', consumer: 'people' }, verdict: { kind: 'cannot' } });
    scene.result([], { consumer: 'people' });
    expect(scene.tile()).toMatchObject({ reason: null, verdict: { kind: 'nobody' } });
  });

  test('is not said while a picture of the last second shows somebody: the age is that of this picture', () => {
    const scene = new Scene();
    scene.result([PERSON]);
    scene.pass(500);
    scene.result([]);
    expect(scene.tile()).toMatchObject({ verdict: { kind: 'people', count: 1 }, answer: { ageMs: 700 } });
    scene.pass(500);
    scene.result([]);
    expect(scene.tile().verdict.kind).toBe('nobody');
  });

  test('is not said while a slow one has just seen somebody', () => {
    const window = { ...consumer().sla_window, turns: 20 };
    const people = consumer({ sla: 'normal', sla_window: window });
    const scene = new Scene({ hall: { consumers: { fire: consumer(), people } } });
    scene.result([PERSON], { consumer: 'people' });
    for (let i = 0; i < 3; i++) {
      scene.pass(1000);
      scene.result([], { consumer: 'fire' });
    }
    expect(scene.tile().verdict).toMatchObject({ kind: 'people', count: 1 });
  });
});

test('another login sees nothing of the one before, and its pictures are given back', () => {
  const scene = new Scene();
  scene.picture(scene.result([PERSON]), 'blob:7');
  scene.status({ alarms: [ALARM] });
  expect(scene.ward.forget()).toEqual(['blob:7']);
  expect([scene.ward.wall(scene.nowMs), scene.ward.tile('hall', scene.nowMs)]).toEqual([null, null]);
  scene.status();
  expect(scene.wall()).toMatchObject({ stage: null, further: [] });
  expect(scene.tile().picture.url).toBeNull();
});

test('a picture whose camera does not say when it was captured may be older', () => {
  const scene = new Scene();
  scene.picture(scene.result([]));
  expect(scene.tile().picture.certain).toBe(true);
  const header = { camera: 'hall', seq: null, captured_at: iso(0), age_ms: 0, width: 320, height: 180 };
  scene.ward.takePicture({ ...header, age_certain: false }, 'blob:2', scene.nowMs);
  expect(scene.tile().picture.certain).toBe(false);
});

describe('the trace', () => {
  const listening = (): Scene => {
    const scene = new Scene();
    scene.pass(70_000);
    return scene;
  };

  test('has a bar per answer: strong, faint, amber, as high as its picture was old', () => {
    const scene = listening();
    scene.result([]);
    scene.pass(500);
    scene.result([PERSON], {}, 900);
    const { bars } = scene.tile().trace;
    expect(bars.map(({ mark }) => mark)).toEqual(['none', 'some']);
    expect(bars[0]?.height).toBeCloseTo(0.4);
    expect(bars[1]?.height).toBe(1);
  });

  test('has amber bars for answers in time of a breach', () => {
    const scene = new Scene({ hall: { consumers: { people: consumer({ state: 'breaching' }) } } });
    scene.result([]);
    expect(scene.tile().trace.bars.map(({ mark }) => mark)).toEqual(['slow']);
  });

  test('has no bar for a result that is not `ok`', () => {
    const scene = listening();
    scene.result(null);
    expect(scene.tile().trace.bars).toEqual([]);
  });

  test('moves to the left, and forgets after a minute', () => {
    const scene = listening();
    scene.result([]);
    const before = scene.tile().trace.bars[0]?.slot ?? 0;
    scene.pass(30_000);
    expect(scene.tile().trace.bars[0]?.slot).toBe(before - 75);
    scene.pass(31_000);
    expect(scene.tile().trace.bars).toEqual([]);
  });

  test('is void since the last answer, once answers are missing', () => {
    const scene = listening();
    scene.result([]);
    expect(scene.tile().trace.voidFrom).toBeNull();
    scene.pass(20_000);
    const { voidFrom, bars } = scene.tile().trace;
    expect(voidFrom).toBe((bars[0]?.slot ?? 0) + 1);
  });

  test('is unknown, not void, before the page listened', () => {
    const scene = new Scene();
    scene.result([]);
    scene.pass(10_000);
    const { unknown } = scene.tile().trace;
    expect(unknown).toEqual([[0, 124]]);
  });

  test('is filled with what was answered before the page came, as far back as the node knows', () => {
    const scene = new Scene();
    scene.pass(10_000);
    const answers: SummaryMessage['answers'] = [
      [200, 2, 20_000],
      [40, 0, 18_000],
      [null, 0, 16_000],
    ];
    const { trace: before } = scene.tile();
    const at = iso(scene.nowMs);
    scene.ward.takeSummary({ type: 'summary', camera: 'hall', consumer: 'people', at, complete_ms: 30_000, answers });
    const { trace } = scene.tile();
    expect(trace.bars.length).toBe(before.bars.length + 2);
    expect(trace.bars.slice(0, 2)).toMatchObject([{ mark: 'some' }, { mark: 'none' }]);
    // 30 s of 60 are known: 75 of 150 slots.
    expect(trace.unknown).toEqual([[0, 74]]);
    scene.ward.takeSummary({
      type: 'summary',
      camera: 'hall',
      consumer: 'people',
      at: 'soon',
      complete_ms: 0,
      answers,
    });
    expect(scene.tile().trace.bars.length).toBe(trace.bars.length);
  });

  test('is void since the last answer also where that came before the page; the tile says for how long', () => {
    const scene = new Scene();
    scene.pass(10_000);
    const at = iso(scene.nowMs);
    const answers: SummaryMessage['answers'] = [
      [50, 0, 40_000],
      [100, 0, 20_000],
    ];
    scene.ward.takeSummary({ type: 'summary', camera: 'hall', consumer: 'people', at, complete_ms: 60_000, answers });
    const { trace, blind, watch } = scene.tile();
    expect([watch, blind]).toEqual(['blind', { ms: 20_100, atLeast: false }]);
    expect(trace.voidFrom).toBe((trace.bars.at(-1)?.slot ?? 0) + 1);
  });

  test('is unknown where the connection was lost, and where the server dropped results', () => {
    const scene = listening();
    scene.ward.connection(false, scene.nowMs);
    scene.nowMs += 8000;
    scene.ward.connection(true, scene.nowMs);
    scene.beat();
    scene.pass(10_000);
    expect(scene.tile().trace.unknown).toEqual([[105, 124]]);
    const other = listening();
    other.ward.takeLost(other.nowMs);
    expect(other.tile().trace.unknown).toHaveLength(1);
    // Also what was lost since the heartbeat before, when the next one comes.
    const late = listening();
    late.nowMs += 900;
    late.ward.takeLost(late.nowMs);
    late.nowMs += 100;
    late.beat();
    const [[from, to] = [0, 0]] = late.tile().trace.unknown;
    expect((to - from) * 400).toBeGreaterThanOrEqual(2000);
  });
});

describe('the wall', () => {
  test('has cameras in their order, then by name; a name is no id', () => {
    const scene = new Scene({ 'room-10': {}, 'room-2': {}, yard: {}, hall: {} });
    const all = status(scene.cameras);
    const { yard, hall } = all.cameras;
    Object.assign(yard ?? {}, { order: -1 });
    Object.assign(hall ?? {}, { name: 'Zimmer 1' });
    scene.ward.takeStatus(all, scene.nowMs, scene.nowMs);
    const { trouble, watching } = scene.wall();
    expect([...trouble, ...watching]).toEqual(['yard', 'room-2', 'room-10', 'hall']);
  });

  test('has trouble first: what cannot look, then what is slow, each in order of the rooms', () => {
    const slow = { consumers: { people: consumer({ state: 'breaching' }) } };
    const away = { state: 'waiting', reason: 'timeout' };
    const scene = new Scene({ 'room-10': {}, 'room-2': {}, 'room-1': slow, 'room-11': away, 'room-3': away });
    for (const id of ['room-10', 'room-2', 'room-1']) scene.result([], { camera: id });
    expect(scene.wall()).toMatchObject({
      trouble: ['room-3', 'room-11', 'room-1'],
      watching: ['room-2', 'room-10'],
      off: [],
    });
  });

  test('keeps a camera among the trouble for 10 s after it', () => {
    const scene = new Scene();
    scene.pass(3000);
    expect(scene.wall().trouble).toEqual(['hall']);
    scene.result([]);
    expect(scene.tile().watch).toBe('watching');
    expect(scene.wall().trouble).toEqual(['hall']);
    scene.nowMs += 10_000;
    scene.beat();
    scene.result([]);
    expect(scene.wall().watching).toEqual(['hall']);
  });

  test('names the consumers of a camera, the most urgent first, with the age of what each answered last', () => {
    const consumers = { scene: consumer({ sla: 'normal' }), people: consumer(), pose: consumer({ sla: 'high' }) };
    const scene = new Scene({ hall: { consumers } });
    scene.result([], {}, 200);
    scene.result(null, {}, 100);
    scene.result([], { consumer: 'pose', age_certain: false }, 300);
    scene.nowMs += 1000;
    expect(scene.ward.consumers('hall', scene.nowMs).map(({ name, ageMs, certain }) => [name, ageMs, certain])).toEqual(
      [
        ['people', 1200, true],
        ['pose', 1300, false],
        ['scene', null, true],
      ],
    );
    expect(scene.ward.consumers('none', scene.nowMs)).toEqual([]);
  });

  test('bounds the cameras that results name', () => {
    const scene = new Scene();
    for (let i = 0; i < 1000; i++) scene.result([], { camera: `x${i}` });
    expect(scene.picture({ seq: null, captured_at: iso(0) }, 'blob:9', 'x999')).toBe('blob:9');
  });
});

describe('alarms', () => {
  test('put the oldest one that nobody acknowledged on the stage, and its camera there only', () => {
    const scene = new Scene({ hall: {}, yard: {}, 'room-1': {} });
    scene.status({
      alarms: [
        alarm({
          subject: 'room-1/bed',
          camera: 'room-1',
          kind: 'bed',
          since_ms: 90_000,
          acknowledged: { at: iso(0), by: 'anna' },
        }),
        alarm({ subject: 'yard/person-1', camera: 'yard', event: 'E2', since_ms: 6000 }),
        alarm(),
      ],
    });
    const { stage, further, open, trouble, watching } = scene.wall();
    expect(stage?.camera).toBe('hall');
    expect(further.map(({ camera: id, by }) => [id, by])).toEqual([
      ['yard', null],
      ['room-1', 'anna'],
    ]);
    expect(open).toBe(2);
    expect([...trouble, ...watching]).toEqual(['room-1', 'yard']);
    expect(scene.tile('room-1').alarm?.by).toBe('anna');
  });

  test('leave the stage when somebody goes, and stay on the tile with the name', () => {
    const scene = new Scene();
    scene.fall();
    expect(scene.wall().stage?.startedMs).toBe(OFFSET);
    scene.ward.takeAcknowledged('E1', 'nadia', null, scene.nowMs);
    expect(scene.wall()).toMatchObject({ stage: null, open: 0, further: [{ by: 'nadia', outcome: null }] });
    scene.ward.takeAcknowledged('E1', 'bert', 'no_pain', scene.nowMs);
    expect(scene.wall()).toMatchObject({ further: [{ by: 'nadia', outcome: 'no_pain' }] });
    expect(scene.tile().alarm?.by).toBe('nadia');
  });

  test('come at once with an event, and outlive a status that was asked for before', () => {
    const scene = new Scene();
    scene.nowMs = 100;
    scene.fall();
    scene.status({}, 50);
    expect(scene.wall().open).toBe(1);
    scene.status({}, 150);
    expect(scene.wall().open).toBe(0);
  });

  test('end with their event, and an older status does not revive them', () => {
    const scene = new Scene();
    scene.status({ alarms: [alarm()] });
    scene.nowMs = 100;
    scene.fall({ phase: 'end' }, { state: 'recovered' });
    scene.status({ alarms: [alarm()] }, 50);
    expect(scene.wall().open).toBe(0);
    scene.status({ alarms: [alarm()] }, 150);
    expect(scene.wall().open).toBe(1);
  });

  test('keep their beginning while statuses and updates come', () => {
    const scene = new Scene();
    scene.status({ alarms: [alarm()] });
    scene.nowMs = 1000;
    scene.beat();
    scene.status({ alarms: [alarm({ since_ms: 13_400 })] });
    scene.fall({ phase: 'update', id: 'E7' }, { state: 'blind', down_ms: 14_000 });
    const { stage } = scene.wall();
    expect(stage).toMatchObject({ startedMs: OFFSET - 12_000, event: 'E1', state: 'blind' });
  });

  test('of a status before the first heartbeat begin when it comes', () => {
    const ward = new Ward();
    ward.takeStatus(status({ hall: {} }, { alarms: [alarm()] }), 0, 0);
    ward.takeNow(iso(100), 5100, 100);
    expect(ward.wall(100)?.stage?.startedMs).toBe(OFFSET + 100 - 12_000);
  });

  test('are not the states of beds without an alarm', () => {
    const scene = new Scene();
    scene.event({ kind: 'bed', phase: null, data: { state: 'out', reason: null } });
    scene.event({ kind: 'visit', phase: null, data: { state: 'occupied', reason: null } });
    expect(scene.wall().open).toBe(0);
  });

  test('of visits have names of their own, and are false alarms rather than no falls', () => {
    const scene = new Scene();
    const named = (state: string, reason: string | null): string => {
      scene.event({ kind: 'visit', phase: 'start', subject: 'hall/door/visits', data: { state, reason } });
      return alarmName(scene.wall().stage as Alarm);
    };
    expect(named('occupied', 'occupied')).toBe('Somebody is there');
    expect(named('occupied', 'crowded')).toBe('Too many people');
    expect(named('empty', 'empty')).toBe('Nobody seen for long');
    expect(named('blind', null)).toBe('Zone');
    expect(outcomeName('visit', 'not_a_fall')).toBe('False alarm');
    expect(outcomeName('fall', 'not_a_fall')).toBe('Not a fall');
    expect(outcomeName('visit', 'injured')).toBe('Injured');
  });

  test('are named by their reason also on a page that was opened later', () => {
    const scene = new Scene();
    scene.status({ alarms: [alarm({ reason: 'long_lie' })] });
    expect(alarmName(scene.wall().stage as Alarm)).toBe('On the floor');
  });

  test('are shown for a camera that the status does not have', () => {
    const scene = new Scene();
    scene.status({ alarms: [alarm({ camera: 'attic', subject: 'attic/person-1' })] });
    expect(scene.wall().stage?.camera).toBe('attic');
  });
});
